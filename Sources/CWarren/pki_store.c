#include "pki_internal.h"

#include <openssl/x509_vfy.h>
#include <string.h>

int warren_store_create(X509 *const *anchors, size_t anchor_count, X509_CRL *const *lists, size_t list_count,
                        X509_STORE **out) {
    ERR_clear_error();
    X509_STORE *store = X509_STORE_new();
    if (store == NULL) return WARREN_PKI_OPENSSL;
    int good = 1;
    for (size_t i = 0; good && i < anchor_count; i++) good = X509_STORE_add_cert(store, anchors[i]) == 1;
    for (size_t i = 0; good && i < list_count; i++) good = X509_STORE_add_crl(store, lists[i]) == 1;
    /* TRUSTED_FIRST lets the new root end a chain that also carries the cross certificate of a rotation.
     * PARTIAL_CHAIN makes an intermediate or a pinned leaf an anchor, as Go's verifier does. */
    unsigned long flags = X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN;
    if (list_count > 0) flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
    X509_VERIFY_PARAM *parameters = X509_STORE_get0_param(store);
    good = good && X509_STORE_set_flags(store, flags) == 1;
    if (good) X509_VERIFY_PARAM_set_auth_level(parameters, 2); /* 112 bits: RSA 2048, no SHA-1 signatures */
    if (!good) {
        X509_STORE_free(store);
        return WARREN_PKI_OPENSSL;
    }
    *out = store;
    return 0;
}

void warren_store_free(X509_STORE *store) { X509_STORE_free(store); }

static int earliest_end(const STACK_OF(X509) *chain, int64_t *out) {
    int64_t earliest = INT64_MAX;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        struct warren_x509_facts facts;
        if (warren_x509_facts(sk_X509_value(chain, i), &facts) != 0) return WARREN_PKI_TIME;
        if (facts.not_after < earliest) earliest = facts.not_after;
    }
    *out = earliest;
    return 0;
}

int warren_store_verify(X509_STORE *store, X509 *const *chain, size_t count, int64_t at, enum warren_purpose purpose,
                        struct warren_verdict *out) {
    ERR_clear_error();
    memset(out, 0, sizeof *out);
    if (count == 0) return WARREN_PKI_OPENSSL;
    int answer = WARREN_PKI_OPENSSL;
    STACK_OF(X509) *helpers = sk_X509_new_null();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (helpers == NULL || context == NULL) goto done;
    for (size_t i = 1; i < count; i++) {
        if (sk_X509_push(helpers, chain[i]) <= 0) goto done;
    }
    if (X509_STORE_CTX_init(context, store, chain[0], helpers) != 1) goto done;
    X509_STORE_CTX_set_time(context, 0, (time_t)at);
    if (purpose == WARREN_PURPOSE_CLIENT && X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT) != 1) goto done;
    if (purpose == WARREN_PURPOSE_SERVER && X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER) != 1) goto done;

    const int good = X509_verify_cert(context) == 1;
    const int code = X509_STORE_CTX_get_error(context);
    /* A failure without a code is a failure still. */
    out->code = good ? X509_V_OK : code != X509_V_OK ? code : X509_V_ERR_UNSPECIFIED;
    out->depth = X509_STORE_CTX_get_error_depth(context);
    const STACK_OF(X509) *built = X509_STORE_CTX_get0_chain(context);
    out->length = sk_X509_num(built) < 0 ? 0 : sk_X509_num(built);
    if (good) {
        answer = earliest_end(built, &out->earliest_not_after);
    } else {
        X509 *culprit = X509_STORE_CTX_get_current_cert(context);
        if (culprit != NULL && X509_up_ref(culprit) == 1) out->culprit = culprit;
        answer = 0;
    }
    ERR_clear_error();
done:
    X509_STORE_CTX_free(context);
    sk_X509_free(helpers);
    return answer;
}

enum warren_refusal warren_refusal(int code) {
    switch (code) {
    case X509_V_OK: return WARREN_REFUSAL_NONE;
    case X509_V_ERR_CERT_HAS_EXPIRED: return WARREN_REFUSAL_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID: return WARREN_REFUSAL_NOT_YET_VALID;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_SUBJECT_ISSUER_MISMATCH:
    case X509_V_ERR_AKID_SKID_MISMATCH:
    case X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_REJECTED: return WARREN_REFUSAL_UNKNOWN_AUTHORITY;
    case X509_V_ERR_CERT_REVOKED: return WARREN_REFUSAL_REVOKED;
    case X509_V_ERR_INVALID_PURPOSE: return WARREN_REFUSAL_WRONG_PURPOSE;
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_INVALID_NON_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN: return WARREN_REFUSAL_NOT_AN_AUTHORITY;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
    case X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH: return WARREN_REFUSAL_BAD_SIGNATURE;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK: return WARREN_REFUSAL_TOO_WEAK;
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG: return WARREN_REFUSAL_CHAIN_TOO_LONG;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE: return WARREN_REFUSAL_REVOCATION_UNKNOWN;
    case X509_V_ERR_CRL_HAS_EXPIRED: return WARREN_REFUSAL_REVOCATION_STALE;
    case X509_V_ERR_CRL_NOT_YET_VALID: return WARREN_REFUSAL_REVOCATION_NOT_YET_VALID;
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
    case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR: return WARREN_REFUSAL_REVOCATION_BAD;
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
    case X509_V_ERR_SUBTREE_MINMAX:
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_EMAIL_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return WARREN_REFUSAL_NAME_NOT_PERMITTED;
    case X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY:
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
    case X509_V_ERR_INVALID_EXTENSION:
    case X509_V_ERR_UNSUPPORTED_EXTENSION_FEATURE:
    case X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE:
    case X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX:
    case X509_V_ERR_UNSUPPORTED_NAME_SYNTAX:
    case X509_V_ERR_NO_ISSUER_PUBLIC_KEY:
    case X509_V_ERR_EC_KEY_EXPLICIT_PARAMS: return WARREN_REFUSAL_MALFORMED;
    default: return WARREN_REFUSAL_OTHER;
    }
}

const char *warren_verify_text(int code) { return X509_verify_cert_error_string(code); }
