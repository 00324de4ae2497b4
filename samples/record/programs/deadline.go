package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// deadline makes one quick exchange after the other. With -on-connection the dial function sets a
// deadline on the connection, once, as if it were one for each request.
func deadline(args []string) {
	options := flag.NewFlagSet("deadline", flag.ExitOnError)
	url := options.String("url", "", "where to POST")
	onConnection := options.Duration("on-connection", 0, "SetDeadline in the dial function")
	timeout := options.Duration("timeout", 0, "http.Client.Timeout")
	total := options.Duration("total", 13*time.Second, "stop after this time")
	failures := options.Int("failures", 4, "or after so many failed requests")
	options.Parse(args)

	var connections, requests, failed int // requests: on the newest connection
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			connection, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err == nil && *onConnection > 0 {
				err = connection.SetDeadline(time.Now().Add(*onConnection))
			}
			connections++
			requests = 0
			return connection, err
		},
		TLSClientConfig: clientTLS(),
	}
	client := &http.Client{Transport: transport, Timeout: *timeout}
	for end := time.Now().Add(*total); time.Now().Before(end) && failed < *failures; {
		// A POST, because net/http repeats a GET on a new connection, and nobody sees the error.
		response, err := client.Post(*url, "text/plain", strings.NewReader("measure"))
		requests++
		if err != nil {
			failed++
		}
		finish(fmt.Sprintf("connection %d, request %d", connections, requests), response, err)
		// Every connection has an idle pause, each a longer one, so that they carry different
		// numbers of requests.
		if requests == 5 {
			time.Sleep(time.Duration(connections-1) * 400 * time.Millisecond)
		}
	}
	transport.CloseIdleConnections()
}
