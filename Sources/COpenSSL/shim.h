#pragma once
// OpenSSL as Swift sees it. What the importer cannot express (macros, stack accessors) gets a named function.
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
