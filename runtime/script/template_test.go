package script

import (
	"strings"
	"testing"

	"bsdrun/runtime/effect"
)

func TestTemplate(t *testing.T) {
	tests := []struct{ name, template, vars, want string }{
		{"text", "plain\n", "", "plain\n"},
		{"a value", "a = <%= a %>\n", "a = 5", "a = 5\n"},
		{"values side by side", "<%= a %><%= b %>", "a = 'x', b = true", "xtrue"},
		{"an expression", "<%= string.upper(a .. 'b') %>", "a = 'a'", "AB"},
		{"a loop leaves no lines", "begin\n<% for _, x in ipairs(list) do %>\n- <%= x %>\n<% end %>\nend\n", "list = {1, 2}", "begin\n- 1\n- 2\nend\n"},
		{"an indented tag leaves no line", "a\n  <% if yes then %>  \nb\n  <% end %>\nc\n", "yes = true", "a\nb\nc\n"},
		{"a tag at the end", "a\n<% if true then %>\nb\n<% end %>", "", "a\nb\n"},
		{"code within a line", "a<% if no then %>b<% end %>c", "no = false", "ac"},
		{"a comment", "a\n<% -- nothing %>\nb", "", "a\nb"},
		{"a comment in a value", "<%= a -- the a %>!", "a = 1", "1!"},
		{"code over lines", "<%\n  local s = 0\n  for i = 1, 3 do s = s + i end\n%>\n<%= s %>\n", "", "6\n"},
		{"a literal tag", "<%% and %>\n", "", "<% and %>\n"},
		{"quotes and bytes", "\"\\\t\x00\xff]]\n<%= 1 %>", "", "\"\\\t\x00\xff]]\n1"},
		{"carriage returns", "a\r\n<%= 1 %>\r\n", "", "a\r\n1\r\n"},
		{"false and numbers", "<%= f %> <%= 1.5 %> <%= 10 %>", "f = false", "false 1.5 10"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, _ := testWorld(nil)
			got, err := eval(t, w, "return template("+quoteLua(test.template)+" .. '<% %>', {"+test.vars+"})")
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// Errors name the template's own line.
func TestTemplateErrors(t *testing.T) {
	tests := []struct{ template, at, message string }{
		{"a\nb\n<%= missing %>\n", "test.lua:1 template:3", "there is no variable missing"},
		{"a\n<% for i = 1, 2 do %>\nb\n<%= nil_ %>\n<% end %>\n", "test.lua:1 template:4", "there is no variable nil_"},
		{"a\n<% local x = = 1 %>\n", "test.lua:1 template:2", `syntax error near "="`},
		{"a\nb <%= 1 + %>\n", "test.lua:1 template:2", `syntax error near ")"`},
		{"a\n\n<%= {} %>\n", "test.lua:1 template:3", "a table cannot be written into a template"},
		{"a\n<%\n\nlocal x = nil\nx.y = 1 %>\n", "test.lua:1 template:5", "attempt to take the field 'y' of nil"},
		{"a\nb <% open\n", "test.lua:1 template:2", "a <% is not closed by %>"},
	}
	for _, test := range tests {
		w, _ := testWorld(nil)
		_, err := eval(t, w, "return template("+quoteLua(test.template)+")")
		e := effect.AsError(err)
		if e == nil {
			t.Errorf("%q: no error", test.template)
			continue
		}
		if e.At != test.at || e.Message != test.message {
			t.Errorf("%q: got %q at %q", test.template, e.Message, e.At)
		}
	}
}

func TestSecretsStaySecretInTemplates(t *testing.T) {
	w, _ := testWorld(nil)
	code := `local s = template("user = <%= user %>\npassword = <%= password %>\n", {user = "a", password = "x" .. secret("db") .. 1})
		local plain = template("user = <%= user %>\n", {user = "a"})
		assert(type(plain) == "string" and type(s) == "userdata")
		return { pcall(tostring, s) }`
	got, err := eval(t, w, code)
	if err != nil {
		t.Fatal(err)
	}
	if got.([]any)[0] != false {
		t.Error("the secret was printed")
	}
}

func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"a<%= 1 %>b", "<% for i=1,2 do %>\nx\n<% end %>", "<%%", "<%", "%>", "<%=%>", "<%>", "\n<%\n%>\n", "<% ) %>"} {
		f.Add(seed)
	}
	w, _ := testWorld(nil)
	f.Fuzz(func(t *testing.T, text string) {
		proto, err := compileTemplate("t", text)
		if !strings.Contains(text, "<%") {
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			v := newVM(t.Context(), &Program{Name: "x", units: map[string]*unit{}}, newSandbox("", nil, nil, nil))
			defer v.close()
			v.enter(&w)
			if got, _ := v.render(v.state, proto, "t", v.state.NewTable()); got.String() != text {
				t.Fatalf("%q became %q", text, got.String())
			}
			return
		}
		if err != nil && effect.KindOf(err) != effect.Script {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func TestTemplateTellsWhereLinesCameFrom(t *testing.T) {
	const text = "one\n<% for i = 1, 2 do %>\nturn <%= i %>\nagain\n<% end %>\n<%= many %>\nlast"
	w, _ := testWorld(nil)
	got, err := eval(t, w, `local text, origin = template(`+"[[\n"+text+"]]"+`, { many = "x\ny" }, { lines = true })
		return { text = text, lines = table.concat(origin.lines, " "), file = origin.file, alone = select("#", template("a <%= 1 %>")) }`)
	if err != nil {
		t.Fatal(err)
	}
	m := got.(map[string]any)
	if m["text"] != "one\nturn 1\nagain\nturn 2\nagain\nx\ny\nlast" || m["lines"] != "1 3 4 3 4 6 6 7" || m["file"] == "" {
		t.Errorf("%v", m)
	}
	if n, _ := m["alone"].(float64); n != 1 && m["alone"] != int64(1) {
		t.Errorf("without lines=true there are %v values", m["alone"])
	}
}
