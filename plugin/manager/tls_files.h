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

/// Why the private key in this file must not be used, in words, or "": it is held to what a seal
/// key is held to (posix/secret_guard.h). A file that is not there is for OpenSSL to name.
[[nodiscard]] std::string objection_to_key_file(std::string const& path);

}  // namespace mailpool::manager
