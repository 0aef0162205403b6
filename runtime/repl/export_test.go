package repl

// FillHistory adds inputs to a history, and reads it anew.
func FillHistory(file string, inputs ...string) []string {
	h := OpenHistory(file)
	for _, input := range inputs {
		h.add(input)
	}
	return OpenHistory(file).lines
}
