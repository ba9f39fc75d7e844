package nbd

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"hangkit/image/container"
)

// The schemes of the URLs (NetworkBlockDevice/nbd, doc/uri.md).
const (
	schemeTCP  = "nbd://"
	schemeUnix = "nbd+unix://"

	defaultPort = "10809"
)

// IsURL says whether a name is a URL that Dial takes.
func IsURL(name string) bool {
	return strings.HasPrefix(name, schemeTCP) || strings.HasPrefix(name, schemeUnix)
}

// address is where a server listens and what is asked of it.
type address struct {
	network, address, export string
}

// parseURL takes a URL apart.
func parseURL(name string) (address, error) {
	u, err := url.Parse(name)
	if err != nil {
		return address{}, err
	}
	export := strings.TrimPrefix(u.Path, "/")
	if strings.HasPrefix(name, schemeUnix) {
		socket := u.Query().Get("socket")
		if socket == "" {
			return address{}, fmt.Errorf("%q: no socket=PATH: %w", name, container.ErrUnsupported)
		}
		return address{"unix", socket, export}, nil
	}
	port := u.Port()
	if port == "" {
		port = defaultPort
	}
	if u.Hostname() == "" {
		return address{}, fmt.Errorf("%q: no host: %w", name, container.ErrUnsupported)
	}
	return address{"tcp", net.JoinHostPort(u.Hostname(), port), export}, nil
}
