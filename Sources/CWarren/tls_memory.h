/* Blocks that OpenSSL takes and gives back (tls_memory.c). */
#ifndef WARREN_TLS_MEMORY_H
#define WARREN_TLS_MEMORY_H

#include <openssl/ssl.h>

#pragma GCC visibility push(hidden)

/* Tells how large OpenSSL's session objects are. */
void warren_tls_memory_note(const SSL *ssl);
/* From here on the calling thread keeps small blocks of OpenSSL's at hand, until it ends. */
void warren_tls_memory_keep(void);
/* Whether all that OpenSSL gives back on the calling thread is wiped first, from here on; how it was before. */
int warren_tls_memory_secret(int secret);
/* Gives the calling thread's blocks back to malloc. */
void warren_tls_memory_trim(void);

#pragma GCC visibility pop

#endif
