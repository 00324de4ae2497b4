package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// upload sends profiles as an agent does whose pool dials ahead: every connection is there before
// there is a request for it. The first request goes out -wait after the handshake.
func upload(args []string) {
	options := flag.NewFlagSet("upload", flag.ExitOnError)
	address := options.String("server", "", "HOST:PORT")
	connections := options.Int("connections", 5, "how many, one after the other")
	stagger := options.Duration("stagger", 300*time.Millisecond, "between two of them")
	wait := options.Duration("wait", 0, "from the handshake to the first request")
	requests := options.Int("requests", 1, "on each connection")
	period := options.Duration("period", time.Second, "between two requests")
	options.Parse(args)

	var all sync.WaitGroup
	for i := 1; i <= *connections; i++ {
		all.Add(1)
		go func(name string) {
			defer all.Done()
			uploadOn(name, *address, *wait, *requests, *period)
		}(fmt.Sprintf("upload %d", i))
		time.Sleep(*stagger)
	}
	all.Wait()
}

// dial connects; over TLS the handshake is done, too.
func dial(address string) (net.Conn, error) {
	if secure() {
		return tls.Dial("tcp", address, clientTLS())
	}
	return net.Dial("tcp", address)
}

func uploadOn(name, address string, wait time.Duration, requests int, period time.Duration) {
	dialled, err := dial(address)
	if err != nil {
		log.Fatal(err)
	}
	next := time.Now().Add(wait)
	transport := &http.Transport{
		DialContext:    func(context.Context, string, string) (net.Conn, error) { return dialled, nil },
		DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return dialled, nil },
	}
	profile := bytes.Repeat([]byte("p"), 300)
	for i := 0; i < requests; i++ {
		time.Sleep(time.Until(next))
		next = next.Add(period)
		response, err := (&http.Client{Transport: transport}).Post(
			scheme()+address+"/ingest", "application/octet-stream", bytes.NewReader(profile))
		finish(name, response, err)
	}
	transport.CloseIdleConnections()
}
