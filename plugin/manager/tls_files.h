#pragma once
// What was read from the files of TLS, as digests: a file that is renewed under its old name is
// another one, a copy under another name is not.

#include <openssl/ssl.h>

#include <string>

namespace mailpool::manager {

/// Of the certificate that a context shows, its chain and its key; "" if it shows none.
[[nodiscard]] std::string digest_of_certificate(SSL_CTX* context);
/// Of all certificates and revocations, in whatever order they were read; "" for an empty store.
[[nodiscard]] std::string digest_of_authorities(X509_STORE* store);

}  // namespace mailpool::manager
