// The tests' application for Go's net/http/fcgi.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
)

func main() {
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		panic(err)
	}
	panic(fcgi.Serve(listener, http.HandlerFunc(answer)))
}

func answer(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Query().Get("what") {
	case "count":
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "COUNT=%d\nERROR=%v\n", n, err)
	case "large":
		piece := make([]byte, 65536)
		for i := 0; i < 320; i++ {
			w.Write(piece)
		}
	case "early":
		http.Error(w, "no", http.StatusForbidden)
	default:
		fmt.Fprintf(w, "URI=%s\nHOST=%s\nREMOTE=%s\nTLS=%t\n", r.URL.RequestURI(), r.Host, r.RemoteAddr, r.TLS != nil)
		fmt.Fprintf(w, "REMOTE_USER=%s\n", fcgi.ProcessEnv(r)["REMOTE_USER"])
	}
}
