package serve

import (
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// cookie holds the token once a reader has shown it.
const cookie = "bsdrun"

// guard lets through who may read, and says to browsers what they may do with
// the answer.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		switch {
		case !s.isOurs(r.Host):
			http.Error(w, "bsdrun serve is not known under the name "+r.Host+": start it with --name to allow it", http.StatusMisdirectedRequest)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			http.Error(w, "bsdrun serve only shows", http.StatusMethodNotAllowed)
		case s.Token != "" && s.shows(r.URL.Query().Get("token")):
			s.admit(w, r)
		case s.Token != "" && !s.admitted(r):
			http.Error(w, "open the address that bsdrun serve has printed: it has the token in it", http.StatusUnauthorized)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isOurs tells whether a request means us. A page from elsewhere can have its own
// name lead to our address, but it cannot have that name be an address.
func (s *Server) isOurs(host string) bool {
	name := host
	if bare, _, err := net.SplitHostPort(host); err == nil {
		name = bare
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	return name == "localhost" || slices.ContainsFunc(s.Names, func(n string) bool { return strings.EqualFold(n, name) })
}

// admit remembers the token in the browser, and takes it out of the address,
// where it would be seen and kept.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: s.Token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	to := *r.URL
	query := to.Query()
	query.Del("token")
	to.Scheme, to.Host, to.RawQuery = "", "", query.Encode()
	// One slash: two would lead to another host.
	to.Path = "/" + strings.TrimLeft(to.Path, `/\`)
	to.RawPath = ""
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

func (s *Server) admitted(r *http.Request) bool {
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return s.shows(bearer)
	}
	c, err := r.Cookie(cookie)
	return err == nil && s.shows(c.Value)
}

func (s *Server) shows(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(s.Token)) == 1
}
