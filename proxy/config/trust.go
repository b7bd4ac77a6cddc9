package config

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"mcpproxy/auth/privatefile"
)

// A TrustReport says what a project's file would have the proxy do. Its
// strings are quoted where they hold anything that is not plain printable
// text, so that the file cannot write escape sequences to a terminal.
type TrustReport struct {
	File     string          `json:"file"`
	Servers  []TrustedServer `json:"servers"`
	Problems []*Problem      `json:"problems,omitempty"` // of the file, and of single servers
}

// A TrustedServer is one entry of a project's file.
type TrustedServer struct {
	Name        string   `json:"name"`
	Command     string   `json:"command,omitempty"` // with its arguments, as in a shell
	Cwd         string   `json:"cwd,omitempty"`
	URLs        []string `json:"urls,omitempty"`        // the server's own and, as FIELD=URL, those of its oauth
	Hosts       []string `json:"hosts,omitempty"`       // that discovery may contact as well
	Headers     []string `json:"headers,omitempty"`     // names of those that are sent
	Variables   []string `json:"variables,omitempty"`   // read from the environment
	Environment []string `json:"environment,omitempty"` // set for the command, as NAME=value
}

// ErrNoProject says that neither a folder nor its ancestors hold .proxy/mcp.json.
var ErrNoProject = errors.New("no .proxy/mcp.json here or in a folder above")

// Trust allows the servers of the project that dir belongs to, as its file is
// now: the path and a hash of exactly the contents that are reported are
// recorded in the state folder. A file that cannot be parsed is not trusted;
// one with broken servers is, and the report says which.
//
// Another process that records trust is waited for until ctx ends, at most
// [privatefile.MaxWait].
//
// Errors: [ErrNoProject], a [*Problem] with the project's file, or a failure to
// record it, [context.DeadlineExceeded] and [context.Canceled] among them.
func Trust(ctx context.Context, dir, stateDir string) (TrustReport, error) {
	file, _, err := findProject(dir)
	switch {
	case err != nil:
		return TrustReport{}, unreadable(file, err)
	case file == "":
		return TrustReport{}, ErrNoProject
	}
	text, err := readFile(file, maxProjectSize)
	if err != nil {
		return TrustReport{}, unreadable(file, err)
	}
	src := newSource(file, text)
	if _, p := src.parse(); p != nil {
		return TrustReport{}, p
	}
	l := newLayerFile(Project, src)
	l.read()
	report := TrustReport{File: file, Problems: l.problems.list}
	for _, s := range l.servers {
		report.Servers = append(report.Servers, s.review())
		if s.Problem != nil {
			report.Problems = append(append(report.Problems, s.Problem), s.More...)
		}
	}
	if err := recordTrust(ctx, stateDir, file, text); err != nil {
		return TrustReport{}, fmt.Errorf("record trust: %w", err)
	}
	return report, nil
}

// oauthURLs are the settings that hold an address. They are told by their names,
// since a placeholder can hide the look of one.
var oauthURLs = []string{
	"oauth.authorize_url", "oauth.token_url", "oauth.device_authorization_endpoint", "oauth.revocation_url",
	"oauth.issuer", "oauth.client_metadata_url", "oauth.redirect_uri", "oauth.resource",
}

// review collects what a server's entry uses.
func (s *Server) review() TrustedServer {
	r := TrustedServer{Name: s.Name, Cwd: plain(s.Entry.Cwd)}
	if s.Entry.Command != "" {
		var line []string
		for _, word := range append([]string{s.Entry.Command}, s.Entry.Args...) {
			line = append(line, plain(word))
		}
		r.Command = strings.Join(line, " ")
	}
	for name, value := range s.Entry.Env {
		r.Environment = append(r.Environment, plain(name+"="+value))
	}
	for _, name := range s.Entry.InheritEnv {
		r.Variables = append(r.Variables, plain(name))
	}
	for name := range s.Entry.Headers {
		r.Headers = append(r.Headers, plain(name))
	}
	_, _ = mapStrings(s.Entry, func(field, text string) (string, error) {
		switch {
		case text == "":
		case field == "url":
			r.URLs = append(r.URLs, plain(text))
		case slices.Contains(oauthURLs, field):
			r.URLs = append(r.URLs, plain(field+"="+text))
		case strings.HasPrefix(field, "oauth.discovery_allowlist["):
			r.Hosts = append(r.Hosts, plain(text))
		}
		return expand(text, nil, func(p placeholder) (string, error) {
			r.Variables = append(r.Variables, plain(p.name))
			return "", nil
		})
	})
	slices.Sort(r.Environment)
	slices.Sort(r.Headers)
	slices.Sort(r.Variables)
	r.Variables = slices.Compact(r.Variables)
	return r
}

// plain quotes a word that is not made of plain printable characters.
func plain(word string) string {
	if quoted := strconv.Quote(word); quoted[1:len(quoted)-1] != word || strings.ContainsAny(word, " '`;&|<>*?()#~") {
		return quoted
	}
	return word
}

// trustRecord is the file that remembers trust.
type trustRecord struct {
	Version  int               `json:"version"`
	Projects map[string]string `json:"projects"` // hash of the contents by path of the file
}

const trustVersion = 1

// maxTrustSize is the size in bytes above which the record of trust is refused.
const maxTrustSize = 16 << 20

var errDamaged = fmt.Errorf("it is %w", privatefile.ErrDamaged)

func trustFile(stateDir string) string { return filepath.Join(stateDir, "trust.json") }

func contentHash(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// isTrusted reports whether exactly this text was trusted at exactly this path.
func isTrusted(stateDir, file string, text []byte) (bool, error) {
	content, err := privatefile.Read(trustFile(stateDir), maxTrustSize)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	r, err := decodeTrust(content)
	return err == nil && r.Projects[file] == contentHash(text), err
}

// recordTrust adds the text at that path. A damaged record is set aside.
func recordTrust(ctx context.Context, stateDir, file string, text []byte) error {
	return privatefile.Update(ctx, trustFile(stateDir), maxTrustSize, func(content []byte) ([]byte, error) {
		r, err := decodeTrust(content)
		if err != nil {
			return nil, err
		}
		if r.Projects == nil {
			r.Projects = make(map[string]string)
		}
		r.Projects[file] = contentHash(text)
		data, err := json.MarshalIndent(r, "", "  ")
		return append(data, '\n'), err
	})
}

// decodeTrust decodes the content of the record, which is nil if there is no
// file. The error is errDamaged.
func decodeTrust(content []byte) (trustRecord, error) {
	r := trustRecord{Version: trustVersion}
	if content == nil {
		return r, nil
	}
	if json.Unmarshal(content, &r) != nil || r.Version != trustVersion {
		return trustRecord{}, errDamaged
	}
	return r, nil
}
