package house

import (
	"encoding/json"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Paths of ours are written as the go command's patterns are: relative to the module, from "./".
const (
	layers   = "./exporter/mshipexporter/internal/"
	delivery = layers + "delivery"
	pdata    = "go.opentelemetry.io/collector/pdata"
	// voyage cuts the power of the whole, the exporter on the store. Neither can show that alone, so
	// there the two meet: in tests, which are in no program.
	voyage = "./extension/mshipstorage/internal/voyage"
)

// layerExceptions lists the layers that may import another one, "importer -> imported", each with
// its reason. It is empty, and should stay so.
var layerExceptions = []string{}

// pkg is what `go list` says about a package.
type pkg struct {
	ImportPath, Name                   string
	Imports, TestImports, XTestImports []string
}

func (p pkg) all() []string { return slices.Concat(p.Imports, p.TestImports, p.XTestImports) }

// A rule says what is wrong with a package, one line for each fault.
type rule func(p pkg) []string

func TestImportRules(t *testing.T) {
	t.Parallel()
	pkgs := list(t)
	require.NotEmpty(t, pkgs)
	for _, p := range pkgs {
		for _, r := range rules {
			assert.Empty(t, r(p))
		}
	}
}

var rules = []rule{exportersAndExtensionsMeetInInterfaces, testbedDrivesTheBinary, deliveryIsPure, layersStandAlone, namesSaySomething}

func exportersAndExtensionsMeetInInterfaces(p pkg) []string {
	if p.ImportPath == voyage {
		return slices.Concat(forbid(p, voyage, p.Imports, "./exporter"), forbid(p, voyage, p.Imports, "./extension"))
	}
	return slices.Concat(forbid(p, "./exporter", p.all(), "./extension"), forbid(p, "./extension", p.all(), "./exporter"))
}

func testbedDrivesTheBinary(p pkg) []string {
	return slices.Concat(forbid(p, "./testbed", p.all(), "./exporter"), forbid(p, "./testbed", p.all(), "./extension"))
}

func deliveryIsPure(p pkg) []string {
	if p.ImportPath != delivery {
		return nil
	}
	return faults(p, p.Imports, func(imported string) bool {
		return standard(imported) || within(imported, pdata)
	})
}

func layersStandAlone(p pkg) []string {
	mine, ok := layer(p.ImportPath)
	if !ok {
		return nil
	}
	return faults(p, p.all(), func(imported string) bool {
		other, ok := layer(imported)
		return !ok || other == mine || shared(other) || slices.Contains(layerExceptions, mine+" -> "+other)
	})
}

func namesSaySomething(p pkg) []string {
	for _, name := range []string{p.Name, path.Base(p.ImportPath)} {
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers"}, name) {
			return []string{p.ImportPath + " has a name that says nothing"}
		}
	}
	return nil
}

// shared layers may be imported by every other: the interface, what is generated, fakes for tests.
func shared(name string) bool {
	return name == "delivery" || name == "metadata" || strings.HasSuffix(name, "test")
}

// layer is the directory under the exporter's internal/ that a package belongs to.
func layer(importPath string) (string, bool) {
	rest, ok := strings.CutPrefix(importPath, layers)
	name, _, _ := strings.Cut(rest, "/")
	return name, ok
}

func forbid(p pkg, from string, imports []string, to string) []string {
	if !within(p.ImportPath, from) {
		return nil
	}
	return faults(p, imports, func(imported string) bool { return !within(imported, to) })
}

func faults(p pkg, imports []string, allowed func(string) bool) []string {
	var out []string
	for _, imported := range imports {
		if !allowed(imported) {
			out = append(out, p.ImportPath+" must not import "+imported)
		}
	}
	return out
}

func within(importPath, dir string) bool {
	return importPath == dir || strings.HasPrefix(importPath, dir+"/")
}

// standard: every other path begins with a host name, ours with a dot.
func standard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// list asks the go command for every package of the module.
func list(t *testing.T) []pkg {
	t.Helper()
	out := output(t, root(t), "go", "list", "-json=ImportPath,Name,Imports,TestImports,XTestImports", "./...")
	out = strings.ReplaceAll(out, `"`+module+`/`, `"./`)
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(out)); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		require.NoError(t, err)
		pkgs = append(pkgs, p)
	}
}

// Every package with tests has a TestMain that looks for goroutines left behind.
func TestLeaksAreLookedFor(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		tests := slices.Concat(p.TestImports, p.XTestImports)
		generated := strings.HasSuffix(p.ImportPath, "/metadata") || strings.HasSuffix(p.ImportPath, "/metadatatest")
		if len(tests) > 0 && !generated {
			assert.Contains(t, tests, "go.uber.org/goleak", "%s: its TestMain is to call goleak.VerifyTestMain", p.ImportPath)
		}
	}
}
