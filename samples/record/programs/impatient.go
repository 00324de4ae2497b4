package main

import (
	"flag"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// impatient sends requests at a steady rate, however long the answers take, and gives each of
// them -timeout.
func impatient(args []string) {
	options := flag.NewFlagSet("impatient", flag.ExitOnError)
	url := options.String("url", "", "what to GET")
	requests := options.Int("requests", 30, "how many")
	period := options.Duration("period", 66*time.Millisecond, "between two requests")
	timeout := options.Duration("timeout", 0, "http.Client.Timeout")
	options.Parse(args)

	transport := &http.Transport{MaxIdleConnsPerHost: *requests, TLSClientConfig: clientTLS()}
	client := &http.Client{Transport: transport, Timeout: *timeout}
	var all sync.WaitGroup
	for i := 1; i <= *requests; i++ {
		all.Add(1)
		go func(name string) {
			defer all.Done()
			response, err := client.Get(*url)
			finish(name, response, err)
		}(fmt.Sprintf("request %d", i))
		time.Sleep(*period)
	}
	all.Wait()
	transport.CloseIdleConnections()
}
