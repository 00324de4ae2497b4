// The clients and the server of the recordings, one subcommand for each role.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

var roles = map[string]func(args []string){
	"server":    server,
	"upload":    upload,
	"impatient": impatient,
	"deadline":  deadline,
	"reuse":     reuse,
	"hold":      hold,
}

func main() {
	log.SetFlags(log.Lmicroseconds)
	if len(os.Args) < 2 || roles[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: record server|upload|impatient|deadline|reuse|hold [OPTIONS]")
		os.Exit(2)
	}
	roles[os.Args[1]](os.Args[2:])
}

// finish logs what the caller of net/http sees at the end of an exchange. It reads the body to
// its end, so that the connection goes back to the pool.
func finish(name string, response *http.Response, err error) {
	if err != nil {
		log.Printf("%s: %v", name, err)
		return
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		log.Printf("%s: %s, then %v", name, response.Status, err)
		return
	}
	log.Printf("%s: %s", name, response.Status)
}
