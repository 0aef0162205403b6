package script

import (
	"os"
	"path/filepath"

	lua "github.com/yuin/gopher-lua"

	"bsdrun/runtime/effect"
)

var confirmGlobal = Global{
	Name: "confirm", Usage: "confirm(text, [opts])",
	Doc: "Asks a person yes or no and returns a boolean. Without a terminal the default answers, else the run stops and can be resumed.",
	Params: []GlobalParam{
		{"text", "string", "the question, one line"},
		{"opts", "{default?: boolean, detail?: string, key?: string, irreversible?: boolean}?", "detail: what is at stake; key: equal keys are asked once for all hosts; irreversible: never answered by -y"},
	},
	Returns: "boolean",
	fn:      (*vm).confirm,
}

func (v *vm) confirm(L *lua.LState) int {
	text := v.wantString(L, 1, "confirm", "text")
	opts := v.options(L, L.Get(2), "confirm", "default", "detail", "key", "irreversible")
	q := effect.Question{Text: text, Choices: []string{"yes", "no"}}
	q.Detail = v.optString(L, opts, "confirm", "detail")
	q.Key = v.optString(L, opts, "confirm", "key")
	if _, given := opts["default"]; given {
		q.Default = "no"
		if v.optBool(L, opts, "confirm", "default") {
			q.Default = "yes"
		}
	}
	if v.optBool(L, opts, "confirm", "irreversible") {
		q.Risk = effect.Irreversible
	}
	L.Push(lua.LBool(v.put(L, q) == "yes"))
	return 1
}

// put asks, and gives the answer.
func (v *vm) put(L *lua.LState, q effect.Question) string {
	if q.Key == "" {
		q.Key = q.Text
	}
	answer, err := effect.Ask(effect.WithAt(v.ctx, v.where(L)), q)
	if err != nil {
		v.raise(L, err)
	}
	return answer
}

var askGlobal = Global{
	Name: "ask", Usage: "ask(text, [opts])",
	Doc: "Asks a person and returns the answer: a string, or a secret with secret=true. Without a terminal the default answers, else the run stops and can be resumed.",
	Params: []GlobalParam{
		{"text", "string", "the question, one line"},
		{"opts", "{choices?: string[], default?: string, detail?: string, key?: string, secret?: boolean}?", "choices: the answers there are; secret: not shown while typed and never recorded"},
	},
	Returns: "string|Secret",
	fn:      (*vm).ask,
}

func (v *vm) ask(L *lua.LState) int {
	text := v.wantString(L, 1, "ask", "text")
	opts := v.options(L, L.Get(2), "ask", "choices", "default", "detail", "key", "secret")
	q := effect.Question{
		Text:    text,
		Detail:  v.optString(L, opts, "ask", "detail"),
		Key:     v.optString(L, opts, "ask", "key"),
		Default: v.optString(L, opts, "ask", "default"),
		Secret:  v.optBool(L, opts, "ask", "secret"),
	}
	if choices, given := opts["choices"]; given {
		t, ok := choices.(*lua.LTable)
		if !ok {
			v.invalidf(L, "ask", "choices: expected a list of strings, got %s", v.got(choices))
		}
		for i := 1; i <= t.Len(); i++ {
			q.Choices = append(q.Choices, t.RawGetInt(i).String())
		}
	}
	answer := v.put(L, q)
	if q.Secret {
		L.Push(v.secretValue(effect.NewSecret(q.Key, answer)))
		return 1
	}
	L.Push(lua.LString(answer))
	return 1
}

var secretGlobal = Global{
	Name: "secret", Usage: "secret(name)",
	Doc:     "Gives a secret, which shows nowhere. Concatenation and templates keep it secret; standard input, contents of files and passwords take it; arguments of commands and tostring refuse it.",
	Params:  []GlobalParam{{"name", "string", "the secret's name"}},
	Returns: "Secret",
	Example: `h.file.put("/usr/local/etc/app.conf", "password = " .. secret("app") .. "\n", { mode = "0600" })`,
	fn: func(v *vm, L *lua.LState) int {
		L.Push(v.secretValue(v.secret(L, v.wantString(L, 1, "secret", "name"))))
		return 1
	},
}

func (v *vm) secret(L *lua.LState, name string) effect.Secret {
	if v.world.Secrets == nil {
		v.invalidf(L, "secret", "there is no secret %q: this run has none", name)
	}
	s, err := v.world.Secrets.Secret(v.ctx, name)
	if err != nil {
		v.raise(L, err)
	}
	return s
}

func (v *vm) secretValue(s effect.Secret) lua.LValue {
	ud := v.wrap(s)
	ud.Metatable = v.marked(&v.secretMeta, "secret", v.fillSecretMeta)
	return ud
}

func (v *vm) fillSecretMeta(meta *lua.LTable) {
	L := v.state
	refuse := func(what string) *lua.LFunction {
		return L.NewFunction(func(L *lua.LState) int {
			v.invalidf(L, "secret", "a secret cannot be %s", what)
			return 0
		})
	}
	meta.RawSetString("__tostring", refuse("turned into a string"))
	meta.RawSetString("__index", refuse("looked into"))
	meta.RawSetString("__len", refuse("measured"))
	meta.RawSetString("__concat", L.NewFunction(func(L *lua.LState) int {
		L.Push(v.joinSecrets(L, L.Get(1), L.Get(2)))
		return 1
	}))
	same := L.NewFunction(func(L *lua.LState) int {
		a, b := L.CheckUserData(1).Value.(effect.Secret), L.CheckUserData(2).Value.(effect.Secret)
		L.Push(lua.LBool(a.Reveal() == b.Reveal()))
		return 1
	})
	meta.RawSetString("__eq", same)
}

func (v *vm) joinSecrets(L *lua.LState, a, b lua.LValue) lua.LValue {
	name, text := "", ""
	for _, part := range []lua.LValue{a, b} {
		v.touch(L, part)
		switch part := part.(type) {
		case lua.LString, lua.LNumber:
			text += part.String()
		case *lua.LUserData:
			s, ok := part.Value.(effect.Secret)
			if !ok {
				v.invalidf(L, "secret", "cannot be joined with %s", v.got(part))
			}
			text += s.Reveal()
			if name == "" {
				name = s.Name()
			}
		default:
			v.invalidf(L, "secret", "cannot be joined with %s", v.got(part))
		}
	}
	return v.secretValue(effect.NewSecret(name, text))
}

// paramsValue is p: the parameters as the script sees them. One of type secret
// names a secret, one of type local a file of the controller, which whoever
// gives the parameter grants by that.
func (v *vm) paramsValue(params map[string]any) (lua.LValue, error) {
	t := v.state.CreateTable(0, len(params))
	types := map[string]string{}
	if v.program.Recipe != nil {
		for _, p := range v.program.Recipe.Params {
			types[p.Name] = p.Type
		}
	}
	for _, name := range sortedNames(params) {
		text, _ := params[name].(string)
		var value lua.LValue
		var err error
		switch {
		case text != "" && types[name] == "secret":
			value, err = v.secretParam(text)
		case text != "" && types[name] == "local":
			value, err = v.localParam(name, text)
		default:
			value = v.fromPlain(params[name])
		}
		if err != nil {
			return nil, err
		}
		t.RawSetString(name, value)
	}
	return t, nil
}

func (v *vm) secretParam(name string) (lua.LValue, error) {
	if v.world.Secrets == nil {
		return nil, effect.Errorf(effect.Usage, "secret", "there is no secret %q: this run has none", name)
	}
	s, err := v.world.Secrets.Secret(v.ctx, name)
	if err != nil {
		return nil, err
	}
	return v.secretValue(s), nil
}

func (v *vm) localParam(param, path string) (lua.LValue, error) {
	absolute, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(absolute)
	}
	if err != nil {
		e := effect.Errorf(effect.Usage, "run", "parameter %s: there is no local file %s", param, path)
		e.Cause = err
		return nil, e
	}
	return v.fileValue(&localFile{granted: granted{filepath.Dir(absolute), filepath.Base(absolute)}}), nil
}
