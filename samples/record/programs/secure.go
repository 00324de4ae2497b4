package main

import (
	"crypto/tls"
	"log"
	"net/http"
	"os"
)

// Over TLS, where the environment says so: LAB_CERT and LAB_KEY are what a server shows, LAB_TLS is the
// version that a client speaks (1.2 or 1.3), SSLKEYLOGFILE the file that its secrets go to.

func secure() bool { return os.Getenv("LAB_TLS") != "" }

func scheme() string {
	if secure() {
		return "https://"
	}
	return "http://"
}

// clientTLS is the configuration of a client that trusts anybody; nil in the clear.
func clientTLS() *tls.Config {
	if !secure() {
		return nil
	}
	config := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS13}
	if os.Getenv("LAB_TLS") == "1.2" {
		config.MaxVersion = tls.VersionTLS12
	}
	if path := os.Getenv("SSLKEYLOGFILE"); path != "" {
		file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			log.Fatal(err)
		}
		config.KeyLogWriter = file
	}
	return config
}

// serve listens as the environment says. HTTP/2 is offered over TLS alone, and if asked for.
func serve(server *http.Server, http2 bool) error {
	certificate := os.Getenv("LAB_CERT")
	if certificate == "" {
		return server.ListenAndServe()
	}
	if !http2 {
		server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	}
	return server.ListenAndServeTLS(certificate, os.Getenv("LAB_KEY"))
}
