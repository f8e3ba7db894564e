/* The ways of records past libssl's buffers. */
#include <string.h>

#include "record.h"
#include "tls_proof.h"

uint64_t proof_bytes_around(const struct warren_tls_session *session) { return session->bytes_around; }

int proof_write_aside(struct warren_tls_session *session, int aside, int more, size_t *count) {
    enum { TEXT = 100, RECORD = RECORD_HEADER + TEXT + RECORD_TAG };
    uint8_t buffer[RECORD + 16] = {0}, place[2 * RECORD];
    warren_sink sink = {place, sizeof place, 0};
    uint8_t *record = buffer + 8;
    memset(buffer, CONTENT_DATA, sizeof buffer);
    session->output = &sink;
    (void)warren_text_leaving(session, record + RECORD_HEADER, TEXT);
    int answer = BIO_write(SSL_get_wbio(session->ssl), record + aside, RECORD + more);
    session->output = NULL;
    session->leaving.length = 0;
    *count = sink.count;
    return answer;
}
