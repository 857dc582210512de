// The inits of the test images that are written in Go, in one static program;
// the name that it is started by says which:
//
//	go-init         without signal.Notify, as most programs are: Go's own handler
//	go-init-notify  with one for SIGTERM, upon which it ends, with 0
package main

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	if filepath.Base(os.Args[0]) == "go-init-notify" {
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGTERM)
		<-told
		os.Exit(0)
	}
	for {
		time.Sleep(time.Minute)
	}
}
