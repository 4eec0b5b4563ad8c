#include "core/config/tls_settings.h"

namespace mailpool {

std::string_view name_of(TlsLevel level) {
  switch (level) {
    case TlsLevel::None:
      return "none";
    case TlsLevel::May:
      return "may";
    case TlsLevel::Encrypt:
      return "encrypt";
    case TlsLevel::Verify:
      return "verify";
    case TlsLevel::Secure:
      return "secure";
    case TlsLevel::Dane:
      return "dane";
    case TlsLevel::DaneOnly:
      return "dane-only";
    case TlsLevel::Auto:
      return "auto";
  }
  return "";
}

std::string_view name_of(TlsVersion version) {
  return version == TlsVersion::Tls12 ? "TLSv1.2" : "TLSv1.3";
}

}  // namespace mailpool
