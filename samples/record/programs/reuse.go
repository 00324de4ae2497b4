package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"time"
)

// reuse makes pairs of requests: a GET of /now, and -gap after its response another one, which
// reuses whatever connection the first has left behind.
func reuse(args []string) {
	options := flag.NewFlagSet("reuse", flag.ExitOnError)
	server := options.String("server", "", "HOST:PORT")
	method := options.String("method", http.MethodPost, "of the second request")
	path := options.String("path", "/now", "of the second request")
	gap := options.Duration("gap", 0, "from the first response to the second request")
	pairs := options.Int("pairs", 1, "how many")
	options.Parse(args)

	http.DefaultTransport.(*http.Transport).TLSClientConfig = clientTLS()
	http.DefaultTransport.(*http.Transport).ForceAttemptHTTP2 = false
	for i := 1; i <= *pairs; i++ {
		response, err := http.Get(scheme() + *server + "/now")
		finish(fmt.Sprintf("pair %d, GET /now", i), response, err)
		time.Sleep(*gap)
		request, err := http.NewRequest(*method, scheme()+*server+*path, nil)
		if err != nil {
			log.Fatal(err)
		}
		response, err = http.DefaultClient.Do(request)
		finish(fmt.Sprintf("pair %d, %s %s", i, *method, *path), response, err)
	}
	http.DefaultClient.CloseIdleConnections()
}
