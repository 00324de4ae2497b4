package main

import (
	"flag"
	"io"
	"log"
	"net/http"
	"time"
)

// server answers every path with "ok" after the time that -handler tells, without a look at the
// request's context: a client that has left does not stop it. /now answers at once, /panic dies,
// /half dies in the middle of its answer, /stream takes the time between two halves of its answer.
func server(args []string) {
	options := flag.NewFlagSet("server", flag.ExitOnError)
	listen := options.String("listen", ":8080", "address to listen on")
	read := options.Duration("read", 0, "ReadTimeout")
	readHeader := options.Duration("read-header", 0, "ReadHeaderTimeout")
	write := options.Duration("write", 0, "WriteTimeout")
	idle := options.Duration("idle", 0, "IdleTimeout")
	handler := options.Duration("handler", 0, "how long a request takes")
	http2 := options.Bool("http2", false, "offer HTTP/2, over TLS")
	options.Parse(args)

	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		time.Sleep(*handler)
		io.WriteString(w, "ok\n")
	})
	http.HandleFunc("/now", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "ok\n")
	})
	http.HandleFunc("/panic", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		panic("a bug in the handler")
	})
	http.HandleFunc("/half", func(w http.ResponseWriter, r *http.Request) {
		firstHalf(w)
		time.Sleep(100 * time.Millisecond)
		panic("a bug in the handler")
	})
	http.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		firstHalf(w)
		time.Sleep(*handler)
		io.WriteString(w, "second half\n")
	})
	log.Fatal(serve(&http.Server{
		Addr:              *listen,
		ReadTimeout:       *read,
		ReadHeaderTimeout: *readHeader,
		WriteTimeout:      *write,
		IdleTimeout:       *idle,
	}, *http2))
}

func firstHalf(w http.ResponseWriter) {
	io.WriteString(w, "first half\n")
	w.(http.Flusher).Flush()
}
