#pragma once
// OpenSSL as Swift sees it. What the importer cannot express (macros, stack accessors) gets a named function.
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

// ---- SHA-256

// The newer interface looks an implementation up and allocates for each hash, which for a leaf costs more than the
// hash; this one is a value, and OpenSSL 3 still has it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

typedef SHA256_CTX csha256_state;

static inline void csha256_init(csha256_state *state) { SHA256_Init(state); }

static inline void csha256_update(csha256_state *state, const void *bytes, size_t count) {
  SHA256_Update(state, bytes, count);
}

static inline void csha256_final(csha256_state *state, unsigned char *digest) { SHA256_Final(digest, state); }

#pragma GCC diagnostic pop

// ---- TLS

/// TLS 1.3 and nothing else; no tickets, no cache, no resumption, no compression: every connection shows
/// its certificates. 1, or 0 where OpenSSL refuses.
static inline int cssl_only_tls13(SSL_CTX *context) {
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  return SSL_CTX_set_num_tickets(context, 0) &&
         SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) &&
         SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) &&
         SSL_CTX_set1_groups_list(context, "X25519:P-256");
}

/// Both sides show a certificate that leads to the store, or the handshake fails.
static inline void cssl_require_peer_certificate(SSL_CTX *context, int depth) {
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  SSL_CTX_set_verify_depth(context, depth);
}

static inline int cssl_add_chain_certificate(SSL_CTX *context, X509 *certificate) {
  return (int)SSL_CTX_add1_chain_cert(context, certificate);
}

static inline BIO *cssl_memory(void) {
  BIO *bio = BIO_new(BIO_s_mem());
  // An empty memory is "nothing yet", not an end.
  if (bio) BIO_set_mem_eof_return(bio, -1);
  return bio;
}

static inline long cssl_memory_bytes(BIO *bio, const unsigned char **bytes) {
  return BIO_get_mem_data(bio, (char **)bytes);
}

static inline void cssl_memory_clear(BIO *bio) { (void)BIO_reset(bio); }

/// How many certificates the verified chain has, leaf first.
static inline int cssl_chain_count(const SSL *ssl) {
  STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
  return chain ? sk_X509_num(chain) : 0;
}

/// Borrowed; lives as long as the connection.
static inline X509 *cssl_chain_certificate(const SSL *ssl, int index) {
  return sk_X509_value(SSL_get0_verified_chain(ssl), index);
}

// ---- Names in certificates

/// How many URI names a certificate has; -1 where its alternative names are malformed or come twice.
/// The first is copied, cut at `capacity`, and its true length told.
static inline int cssl_uri_names(const X509 *certificate, unsigned char *text, size_t capacity,
                                 size_t *length) {
  int critical = -1, uris = 0;
  GENERAL_NAMES *names = (GENERAL_NAMES *)X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, NULL);
  *length = 0;
  if (!names) return critical == -1 ? 0 : -1;
  for (int index = 0; index < sk_GENERAL_NAME_num(names); index++) {
    GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    if (name->type != GEN_URI) continue;
    if (uris++ > 0) continue;
    *length = (size_t)ASN1_STRING_length(name->d.uniformResourceIdentifier);
    memcpy(text, ASN1_STRING_get0_data(name->d.uniformResourceIdentifier),
           *length < capacity ? *length : capacity);
  }
  GENERAL_NAMES_free(names);
  return uris;
}

static inline GENERAL_NAMES *cssl_names_new(void) { return GENERAL_NAMES_new(); }
static inline void cssl_names_free(GENERAL_NAMES *names) { GENERAL_NAMES_free(names); }

/// Adds a name of type GEN_URI, GEN_DNS or GEN_IPADD; 1, or 0 without memory.
static inline int cssl_names_add(GENERAL_NAMES *names, int type, const void *bytes, int count) {
  GENERAL_NAME *name = GENERAL_NAME_new();
  ASN1_STRING *text = ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
  if (!name || !text || !ASN1_STRING_set(text, bytes, count)) {
    GENERAL_NAME_free(name);
    ASN1_STRING_free(text);
    return 0;
  }
  GENERAL_NAME_set0_value(name, type, text);
  if (sk_GENERAL_NAME_push(names, name) > 0) return 1;
  GENERAL_NAME_free(name);
  return 0;
}

/// Critical, as RFC 5280 §4.2.1.6 wants where the subject is empty.
static inline int cssl_set_alternative_names(X509 *certificate, GENERAL_NAMES *names) {
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 1, X509V3_ADD_REPLACE);
}

enum { cssl_name_uri = GEN_URI, cssl_name_dns = GEN_DNS, cssl_name_ip = GEN_IPADD };

// ---- Issuing

/// One extension from OpenSSL's own notation; `value` is ours, never a stranger's.
static inline int cssl_add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  if (!extension) return 0;
  int added = X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  return added;
}

/// Twenty random octets with the top bit clear, as RFC 5280 §4.1.2.2 wants a serial number.
static inline int cssl_set_random_serial(X509 *certificate) {
  BIGNUM *number = BN_new();
  int done = number && BN_rand(number, 159, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
             BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
  return done;
}

/// Seconds since 1970.
static inline int cssl_set_validity(X509 *certificate, int64_t from, int64_t to) {
  return ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)from) &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)to);
}

/// The end of a certificate's validity in seconds since 1970, or -1.
static inline int64_t cssl_not_after(const X509 *certificate) {
  struct tm time;
  if (!ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time)) return -1;
  return (int64_t)timegm(&time);
}

/// The beginning of a certificate's validity in seconds since 1970, or -1.
static inline int64_t cssl_not_before(const X509 *certificate) {
  struct tm time;
  if (!ASN1_TIME_to_tm(X509_get0_notBefore(certificate), &time)) return -1;
  return (int64_t)timegm(&time);
}

static inline int cssl_is_end_of_pem(unsigned long error) {
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}
