#include "core/imap/wire_key.h"

namespace mailpool::imap {

pool::WireTls wire_tls_of(ImapSettings const& settings) {
  switch (settings.tls) {
    case ImapTls::Implicit:
      return pool::WireTls::Implicit;
    case ImapTls::StartTls:
      return pool::WireTls::StartTls;
    case ImapTls::None:
      break;
  }
  return pool::WireTls::None;
}

std::string tls_settings_of(ImapSettings const& settings, std::string_view authorities) {
  if (settings.tls == ImapTls::None) return {};
  std::string key(settings.tls_verify ? authorities : "unverified");
  if (!settings.tls_certificate_file.empty())
    key += " " + settings.tls_certificate_file + " " + settings.tls_key_file;
  return key;
}

}  // namespace mailpool::imap
