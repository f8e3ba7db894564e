/* TLS of health checks: a client over a nonblocking socket that believes whom this machine believes (OpenSSL's default paths,
 * or SSL_CERT_FILE and SSL_CERT_DIR), or anybody. Nothing of the mesh is in it: neither our certificates nor our roots, and no
 * preference for fast ciphers, since what answers may be anything. To be used by one thread. */
#ifndef WARREN_PROBE_H
#define WARREN_PROBE_H

#include <stddef.h>
#include <sys/types.h>

typedef struct warren_probe_trust warren_probe_trust;
typedef struct warren_probe warren_probe;

/* verify 0: whatever certificate is shown will do. NULL: out of memory. */
warren_probe_trust *warren_probe_trust_new(int verify);
void warren_probe_trust_free(warren_probe_trust *trust);

/* name: a host name or an IP address that the certificate must be for; a host name is also sent (SNI). The descriptor stays the
 * caller's and must outlive the probe. NULL: out of memory, or no such name can be in a certificate. */
warren_probe *warren_probe_new(warren_probe_trust *trust, int descriptor, const char *name);
void warren_probe_free(warren_probe *probe);

enum { WARREN_PROBE_WAITS = 0, WARREN_PROBE_FAILED = -1, WARREN_PROBE_ENDED = -2 };
/* SSL_connect(3): 1 when it is done, or WAITS, or FAILED. */
int warren_probe_handshake(warren_probe *probe);
/* SSL_write(3), SSL_read(3): a number of bytes, or one of the three above. */
ssize_t warren_probe_write(warren_probe *probe, const void *bytes, size_t count);
ssize_t warren_probe_read(warren_probe *probe, void *bytes, size_t room);
/* Why it failed, in words. */
const char *warren_probe_problem(const warren_probe *probe);

#endif
