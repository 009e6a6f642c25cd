package mshiplink

import "crypto/tls"

// insecureTLS takes any certificate.
func insecureTLS(two bool) *tls.Config {
	c := &tls.Config{InsecureSkipVerify: true}
	if two {
		c.NextProtos = []string{"h2"}
	}
	return c
}
