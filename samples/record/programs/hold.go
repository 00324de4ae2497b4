package main

import (
	"flag"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// hold opens connections, makes one request on the first, two on the second and so on, and keeps
// all of them for -hold after the last response.
func hold(args []string) {
	options := flag.NewFlagSet("hold", flag.ExitOnError)
	url := options.String("url", "", "what to GET")
	connections := options.Int("connections", 4, "how many")
	keep := options.Duration("hold", 0, "from the last response to the client's close")
	http2 := options.Bool("http2", false, "ask for HTTP/2, over TLS")
	options.Parse(args)

	var all sync.WaitGroup
	for i := 1; i <= *connections; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			transport := &http.Transport{TLSClientConfig: clientTLS(), ForceAttemptHTTP2: *http2}
			for request := 1; request <= i; request++ {
				if request > 1 {
					time.Sleep(150 * time.Millisecond)
				}
				response, err := (&http.Client{Transport: transport}).Get(*url)
				finish(fmt.Sprintf("connection %d, request %d", i, request), response, err)
			}
			time.Sleep(*keep)
			transport.CloseIdleConnections()
		}(i)
	}
	all.Wait()
}
