// Command server is the program of the example image: it greets in UTF-16, read
// with a golang.org/x/text that has known vulnerabilities. Those of its UTF-16
// decoder are linked in; those of its language tags are not.
package main

import (
	"fmt"
	"os"

	"golang.org/x/text/encoding/unicode"
)

func main() {
	decoder := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewDecoder()
	greeting, err := decoder.String("\xfe\xff\x00A\x00h\x00o\x00y")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(greeting)
}
