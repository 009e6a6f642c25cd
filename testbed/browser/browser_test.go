package browser

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAPageIsDriven(t *testing.T) {
	b := Start(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(`<!doctype html><title>x</title><link rel=icon href="data:,"><input id=name><button onclick="document.querySelector('p').textContent = document.querySelector('#name').value">go</button><p>before</p><script>console.error('alas')</script>`))
	}))
	defer s.Close()
	b.Open(s.URL, Phone)
	assert.Equal(t, "before", b.Text("p"))
	b.Fill("#name", "<b>after</b>")
	b.Click("button")
	b.Await("p", "<b>after</b>")
	assert.Zero(t, b.Count("b"))
	assert.Equal(t, 390, Evaluate[int](b, "window.innerWidth"))
	problems, requests := b.Seen()
	assert.Equal(t, []string{"alas"}, problems)
	assert.Equal(t, []string{s.URL + "/"}, requests)
}
