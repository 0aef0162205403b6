// Package lazyregexp has regular expressions that are compiled when they are first
// used: there are hundreds, a process needs few of them, and compiling all took half
// of its start.
package lazyregexp

import (
	"os"
	"regexp"
	"strings"
	"sync"
)

// Regexp is a regexp.Regexp to be.
type Regexp struct {
	expr    string
	compile func() *regexp.Regexp
}

// inTest makes tests find what cannot be compiled, as a start of the process would.
var inTest = len(os.Args) > 0 && strings.HasSuffix(strings.TrimSuffix(os.Args[0], ".exe"), ".test")

// New is regexp.MustCompile, later.
func New(expr string) *Regexp {
	r := &Regexp{expr, sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })}
	if inTest {
		r.compile()
	}
	return r
}

// Get is the compiled expression.
func (r *Regexp) Get() *regexp.Regexp { return r.compile() }

// The methods are those of regexp.Regexp.

func (r *Regexp) String() string                   { return r.expr }
func (r *Regexp) Match(b []byte) bool              { return r.compile().Match(b) }
func (r *Regexp) MatchString(s string) bool        { return r.compile().MatchString(s) }
func (r *Regexp) Find(b []byte) []byte             { return r.compile().Find(b) }
func (r *Regexp) FindSubmatch(b []byte) [][]byte   { return r.compile().FindSubmatch(b) }
func (r *Regexp) FindSubmatchIndex(b []byte) []int { return r.compile().FindSubmatchIndex(b) }
func (r *Regexp) FindAllSubmatch(b []byte, n int) [][][]byte {
	return r.compile().FindAllSubmatch(b, n)
}
func (r *Regexp) FindString(s string) string           { return r.compile().FindString(s) }
func (r *Regexp) FindStringIndex(s string) []int       { return r.compile().FindStringIndex(s) }
func (r *Regexp) FindStringSubmatch(s string) []string { return r.compile().FindStringSubmatch(s) }
func (r *Regexp) FindStringSubmatchIndex(s string) []int {
	return r.compile().FindStringSubmatchIndex(s)
}
func (r *Regexp) FindAllString(s string, n int) []string { return r.compile().FindAllString(s, n) }
func (r *Regexp) FindAllStringIndex(s string, n int) [][]int {
	return r.compile().FindAllStringIndex(s, n)
}
func (r *Regexp) FindAllStringSubmatch(s string, n int) [][]string {
	return r.compile().FindAllStringSubmatch(s, n)
}
func (r *Regexp) ReplaceAll(src, with []byte) []byte { return r.compile().ReplaceAll(src, with) }
func (r *Regexp) ReplaceAllString(src, with string) string {
	return r.compile().ReplaceAllString(src, with)
}
func (r *Regexp) ReplaceAllStringFunc(src string, with func(string) string) string {
	return r.compile().ReplaceAllStringFunc(src, with)
}
func (r *Regexp) Split(s string, n int) []string { return r.compile().Split(s, n) }
