// The TLS half of a link: OpenSSL between two memory buffers, so that the delays lie below it.
#include <openssl/err.h>

#include "fakemx/link.h"

namespace mailpool::fakemx {

void Link::start_tls(SSL_CTX* context) {
  flush();
  ssl_.reset(SSL_new(context));
  auto* const in = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(in, -1);  // empty is "not yet", not "the end"
  SSL_set_bio(ssl_.get(), in, BIO_new(BIO_s_mem()));
  SSL_set_accept_state(ssl_.get());
}

void Link::feed_tls(std::string_view raw, TimePoint arrived) {
  tls_bytes(raw, arrived, false);
}

void Link::tls_bytes(std::string_view raw, TimePoint arrived, bool early) {
  BIO_write(SSL_get_rbio(ssl_.get()), raw.data(), static_cast<int>(raw.size()));
  if (!handshaken_ && !handshake()) return;
  read_tls(arrived, early);
}

bool Link::handshake() {
  ERR_clear_error();
  auto const result = SSL_do_handshake(ssl_.get());
  auto const error = SSL_get_error(ssl_.get(), result);
  collect_tls();
  if (result == 1) {
    handshaken_ = true;
    owner_.on_handshake(true, SSL_session_reused(ssl_.get()) == 1);
    return !closed_;
  }
  if (error != SSL_ERROR_WANT_READ) owner_.on_handshake(false, false);
  return false;
}

void Link::read_tls(TimePoint arrived, bool early) {
  while (!closed_) {
    ERR_clear_error();
    auto const n = SSL_read(ssl_.get(), scratch_.data(), static_cast<int>(scratch_.size()));
    if (n > 0) {
      // A record without words, such as a close_notify behind QUIT, breaks no silence.
      if (std::exchange(early, false)) {
        silence_ = Silence::None;
        owner_.on_early_bytes();
      }
      owner_.on_bytes({scratch_.data(), static_cast<std::size_t>(n)}, arrived);
      continue;
    }
    auto const error = SSL_get_error(ssl_.get(), n);
    collect_tls();
    if (error != SSL_ERROR_WANT_READ) deliver(Arrival::End, {}, arrived, false);
    return;
  }
}

void Link::collect_tls() {
  auto* const out = SSL_get_wbio(ssl_.get());
  char* data = nullptr;
  auto const size = BIO_get_mem_data(out, &data);
  if (size <= 0) return;
  std::string const bytes(data, static_cast<std::size_t>(size));
  BIO_reset(out);
  say_raw(bytes);
}

void Link::fatal_alert() {
  // A record that does not decrypt makes OpenSSL send the alert as a server must: encrypted, and
  // fatal.
  static constexpr char damaged[] =
      "\x17\x03\x03\x00\x20"
      "a record that no key has encrypted";
  flush();
  BIO_write(SSL_get_rbio(ssl_.get()), damaged, 5 + 32);
  char none = 0;
  ERR_clear_error();
  SSL_read(ssl_.get(), &none, 1);
  ERR_clear_error();
  collect_tls();
}

void Link::close_notify() {
  flush();
  SSL_shutdown(ssl_.get());
  collect_tls();
}

void Link::new_ticket() {
  flush();
  if (SSL_new_session_ticket(ssl_.get()) == 1) SSL_do_handshake(ssl_.get());
  collect_tls();
}

void Link::key_update() {
  flush();
  if (SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1) SSL_do_handshake(ssl_.get());
  collect_tls();
}

void Link::renegotiate() {
  flush();
  if (SSL_renegotiate(ssl_.get()) == 1) SSL_do_handshake(ssl_.get());
  collect_tls();
}

}  // namespace mailpool::fakemx
