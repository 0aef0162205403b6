package lint

// The rules, by the names under which findings are reported and silenced.
const (
	ruleSyntax      = "syntax"
	ruleDeclaration = "declaration"
	ruleUndefined   = "undefined"
	ruleGlobal      = "global"
	ruleField       = "field"
	ruleArgument    = "argument"
	ruleParameter   = "parameter"
	ruleFormat      = "format"
	ruleUnused      = "unused"
	ruleShadow      = "shadow"
	ruleUnreachable = "unreachable"
	ruleAmbiguous   = "ambiguous"
	ruleStep        = "step"
	ruleFile        = "file"
	ruleSilence     = "silence"
)

// Rules are the names of all rules with what each finds.
func Rules() [][2]string {
	return [][2]string{
		{ruleSyntax, "it is no Lua, or does not compile"},
		{ruleDeclaration, "the recipe's table is not as it must be"},
		{ruleUndefined, "nothing has this name"},
		{ruleGlobal, "a global variable is set, which only a missing `local` explains"},
		{ruleField, "a host, module, library or result has no such field"},
		{ruleArgument, "too few or too many arguments, an unknown option, a value of the wrong type"},
		{ruleParameter, "a parameter that the recipe does not declare, or never reads"},
		{ruleFormat, "a format and its values do not fit"},
		{ruleUnused, "a local that nobody reads"},
		{ruleShadow, "a local that hides what was meant"},
		{ruleUnreachable, "a statement that is never come to"},
		{ruleAmbiguous, "arguments that begin on a line of their own: Lua takes them for a call"},
		{ruleStep, "a change outside of a step, or a step that sets a local outside of itself: a resumed run would miss it"},
		{ruleFile, "a file to load that is not there"},
		{ruleSilence, "a comment that silences nothing"},
	}
}
