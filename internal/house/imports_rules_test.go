package house

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// The rules are themselves tested: a rule that cannot fail holds nothing.
func TestRulesSeeFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		importer, imported string
		faulty             bool
	}{
		"exporter to extension":          {"./exporter/mshipexporter", "./extension/mshipstorage", true},
		"extension to exporter's inside": {"./extension/mshiplink/internal/a", "./exporter/mshipexporter/internal/b", true},
		"exporter to collector":          {"./exporter/mshipexporter", "go.opentelemetry.io/collector/exporter", false},
		"testbed to exporter":            {"./testbed/e2e", "./exporter/mshipexporter", true},
		"testbed to extension":           {"./testbed/e2e", "./extension/mshipstorage", true},
		"testbed to itself":              {"./testbed/e2e", "./testbed/shore", false},
		"delivery to std":                {delivery, "crypto/sha256", false},
		"delivery to pdata":              {delivery, pdata + "/plog", false},
		"delivery to pdata's neighbour":  {delivery, pdata + "x", true},
		"delivery to zap":                {delivery, "go.uber.org/zap", true},
		"delivery to a layer":            {delivery, layers + "breaker", true},
		"delivery to ours elsewhere":     {delivery, "./internal/house", true},
		"layer to delivery":              {layers + "breaker", delivery, false},
		"layer to layer":                 {layers + "breaker", layers + "backoff", true},
		"layer's inside to layer":        {layers + "breaker/state", layers + "backoff/delay", true},
		"layer to its inside":            {layers + "breaker", layers + "breaker/state", false},
		"layer to metadata":              {layers + "observe", layers + "metadata", false},
		"layer to fakes":                 {layers + "breaker", layers + "deliverytest", false},
		"chain to layer":                 {"./exporter/mshipexporter", layers + "breaker", false},
		"no name: util":                  {"./testbed/util", "fmt", true},
		"no name: common":                {"./exporter/common", "fmt", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var found []string
			for _, r := range rules {
				found = append(found, r(pkg{ImportPath: test.importer, Imports: []string{test.imported}})...)
			}
			assert.Equal(t, test.faulty, len(found) > 0, "%v", found)
		})
	}
}

// Exporter and extension meet in one package, and there only in tests.
func TestOnlyTheTestsOfTheVoyageMeetTheExporter(t *testing.T) {
	t.Parallel()
	exporter, store := "./exporter/mshipexporter", "./extension/mshipstorage/internal/store"
	for name, test := range map[string]struct {
		p      pkg
		faulty bool
	}{
		"its tests":            {pkg{ImportPath: voyage, TestImports: []string{exporter, store}}, false},
		"its external tests":   {pkg{ImportPath: voyage, XTestImports: []string{exporter, store}}, false},
		"itself the exporter":  {pkg{ImportPath: voyage, Imports: []string{exporter}}, true},
		"itself the store":     {pkg{ImportPath: voyage, Imports: []string{store}}, true},
		"tests beside it":      {pkg{ImportPath: store, TestImports: []string{exporter}}, true},
		"tests below it":       {pkg{ImportPath: voyage + "/leg", TestImports: []string{exporter}}, true},
		"tests of its name":    {pkg{ImportPath: voyage + "s", XTestImports: []string{exporter}}, true},
		"the exporter's tests": {pkg{ImportPath: exporter, TestImports: []string{"./extension/mshipstorage"}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := exportersAndExtensionsMeetInInterfaces(test.p)
			assert.Equal(t, test.faulty, len(found) > 0, "%v", found)
		})
	}
}
