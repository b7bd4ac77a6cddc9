package authtest

import (
	"html/template"
	"net/http"
	"strings"
)

var page = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>authtest</title>
<style>:root { color-scheme: light dark } body { font: 1rem system-ui; max-width: 30rem; margin: 4rem auto; padding: 0 1rem }</style>
<h1>authtest</h1>
{{with .Message}}<p>{{.}}</p>{{end}}
{{with .Action}}<form method="post" action="{{.}}">
{{if $.ID}}<p>{{$.Client}} asks for: {{$.Scopes}}</p><input type="hidden" name="id" value="{{$.ID}}">
{{else}}<p><label>Code <input name="user_code" value="{{$.UserCode}}"></label></p>{{end}}
<button name="decision" value="approve">Approve</button>
<button name="decision" value="deny">Deny</button>
</form>{{end}}
</html>
`))

type pageContent struct {
	Message, Action, ID, Client, Scopes, UserCode string
}

func show(w http.ResponseWriter, status int, c pageContent) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = page.Execute(w, c) // fails if the browser is gone
}

func showMessage(w http.ResponseWriter, status int, message string) {
	show(w, status, pageContent{Message: message})
}

func showConsent(w http.ResponseWriter, action, id string, c Client, g *grant) {
	name := c.Name
	if name == "" {
		name = c.ID
	}
	show(w, http.StatusOK, pageContent{Action: action, ID: id, Client: name, Scopes: strings.Join(g.scopes, " ")})
}
