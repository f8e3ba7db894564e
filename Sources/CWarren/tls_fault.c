/* From OpenSSL's error queue to one reason, one alert and one sentence. */
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls_internal.h"

/* Names as in RFC 8446 section 6 and, for those it dropped, RFC 5246 section 7.2. */
static const struct {
    int code;
    const char *name;
} alert_names[] = {
    {0, "close_notify"}, {10, "unexpected_message"}, {20, "bad_record_mac"}, {21, "decryption_failed"},
    {22, "record_overflow"}, {30, "decompression_failure"}, {40, "handshake_failure"}, {41, "no_certificate"},
    {42, "bad_certificate"}, {43, "unsupported_certificate"}, {44, "certificate_revoked"}, {45, "certificate_expired"},
    {46, "certificate_unknown"}, {47, "illegal_parameter"}, {48, "unknown_ca"}, {49, "access_denied"},
    {50, "decode_error"}, {51, "decrypt_error"}, {60, "export_restriction"}, {70, "protocol_version"},
    {71, "insufficient_security"}, {80, "internal_error"}, {86, "inappropriate_fallback"}, {90, "user_canceled"},
    {100, "no_renegotiation"}, {109, "missing_extension"}, {110, "unsupported_extension"},
    {111, "certificate_unobtainable"}, {112, "unrecognized_name"}, {113, "bad_certificate_status_response"},
    {114, "bad_certificate_hash_value"}, {115, "unknown_psk_identity"}, {116, "certificate_required"},
    {120, "no_application_protocol"},
};

const char *warren_tls_alert_name(int alert) {
    for (size_t i = 0; i < sizeof alert_names / sizeof *alert_names; i++)
        if (alert_names[i].code == alert) return alert_names[i].name;
    return "unknown";
}

/* The first failure is the cause; what fails afterwards on a dead session says nothing new. */
static warren_tls_fault *fault_of(warren_tls_session *session) {
    session->dead = 1;
    if (session->fault == NULL) session->fault = calloc(1, sizeof *session->fault);
    return session->fault != NULL ? session->fault : &session->context->fault;
}

int warren_tls_fail(warren_tls_session *session, int reason, int alert, const char *detail) {
    if (session->dead) return -1;
    warren_tls_fault *fault = fault_of(session);
    fault->reason = reason;
    fault->alert = alert;
    snprintf(fault->detail, sizeof fault->detail, "%s", detail);
    return -1;
}

static int reason_of_verification(long code) {
    switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return WARREN_TLS_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID: return WARREN_TLS_NOT_YET_VALID;
    case X509_V_ERR_CERT_REVOKED: return WARREN_TLS_REVOKED;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
    case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR: return WARREN_TLS_NO_CRL;
    case X509_V_ERR_INVALID_PURPOSE:
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_INVALID_NON_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE: return WARREN_TLS_WRONG_PURPOSE;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_REJECTED:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_AKID_SKID_MISMATCH:
    case X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH: return WARREN_TLS_WRONG_AUTHORITY;
    case X509_V_ERR_OUT_OF_MEM: return WARREN_TLS_INTERNAL;
    default: return WARREN_TLS_BAD_CERTIFICATE;
    }
}

static int reason_of_ssl(int code) {
    switch (code) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return WARREN_TLS_NO_CERTIFICATE;
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_BAD_PROTOCOL_VERSION_NUMBER:
    case SSL_R_WRONG_VERSION_NUMBER: return WARREN_TLS_PLAIN_TEXT;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_UNSUPPORTED_SSL_VERSION:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_INAPPROPRIATE_FALLBACK: return WARREN_TLS_VERSION;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_WRONG_SIGNATURE_TYPE:
    case SSL_R_WRONG_CURVE: return WARREN_TLS_NO_COMMON;
    case SSL_R_NO_RENEGOTIATION: return WARREN_TLS_RENEGOTIATION;
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
    case SSL_R_DECRYPTION_FAILED:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_ENCRYPTED_LENGTH_TOO_LONG:
    case SSL_R_DATA_LENGTH_TOO_LONG:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH:
    case SSL_R_RECORD_TOO_SMALL: return WARREN_TLS_BAD_RECORD;
    case SSL_R_TOO_MANY_WARN_ALERTS:
    case SSL_R_TOO_MANY_KEY_UPDATES: return WARREN_TLS_FLOOD;
    case SSL_R_UNEXPECTED_MESSAGE:
    case SSL_R_UNEXPECTED_RECORD:
    case SSL_R_UNEXPECTED_CCS_MESSAGE:
    case SSL_R_NOT_ON_RECORD_BOUNDARY:
    case SSL_R_CCS_RECEIVED_EARLY: return WARREN_TLS_UNEXPECTED;
    case SSL_R_CERT_LENGTH_MISMATCH: return WARREN_TLS_MALFORMED;
    default: return 0;
    }
}

int warren_tls_fail_from_openssl(warren_tls_session *session) {
    if (session->dead) return -1;
    warren_tls_fault *fault = fault_of(session);
    fault->reason = 0;
    fault->alert = -1;
    fault->detail[0] = 0;
    unsigned long code;
    while ((code = ERR_get_error()) != 0) {
        /* The first entry from libssl is the cause; earlier ones from libcrypto are kept only as a last resort. */
        int reason = ERR_GET_REASON(code);
        if (ERR_GET_LIB(code) != ERR_LIB_SSL) {
            if (fault->detail[0] == 0) {
                const char *text = ERR_reason_error_string(code);
                snprintf(fault->detail, sizeof fault->detail, "%s", text != NULL ? text : "error in libcrypto");
            }
            continue;
        }
        /* An alert has one byte; what is larger are the reasons that all of OpenSSL's libraries share. */
        if (reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
            fault->reason = WARREN_TLS_PEER_ALERT;
            fault->alert = reason - SSL_AD_REASON_OFFSET;
            snprintf(fault->detail, sizeof fault->detail, "the peer sent the alert %s",
                warren_tls_alert_name(fault->alert));
            break;
        }
        if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && session->ssl != NULL) {
            long verdict = SSL_get_verify_result(session->ssl);
            fault->reason = reason_of_verification(verdict);
            snprintf(fault->detail, sizeof fault->detail, "%s", X509_verify_cert_error_string(verdict));
            break;
        }
        int known = (reason & ERR_RFLAG_COMMON) != 0 ? WARREN_TLS_INTERNAL : reason_of_ssl(reason);
        const char *text = ERR_reason_error_string(code);
        if (fault->reason == 0) {
            fault->reason = known != 0 ? known : WARREN_TLS_MALFORMED;
            snprintf(fault->detail, sizeof fault->detail, "%s", text != NULL ? text : "error in libssl");
        }
        if (known != 0) break;
    }
    if (fault->reason == 0) fault->reason = WARREN_TLS_INTERNAL;
    if (fault->detail[0] == 0) snprintf(fault->detail, sizeof fault->detail, "OpenSSL failed without a reason");
    ERR_clear_error();
    return -1;
}

/* For contexts: what is wrong with which part, with OpenSSL's own words if it left any. */
void warren_tls_describe(warren_tls_fault *fault, int reason, const char *what) {
    unsigned long code = ERR_peek_error();
    const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;
    fault->reason = reason;
    fault->alert = -1;
    if (text != NULL)
        snprintf(fault->detail, sizeof fault->detail, "%s: %s", what, text);
    else
        snprintf(fault->detail, sizeof fault->detail, "%s", what);
    ERR_clear_error();
}
