#include "core/sasl/mechanism.h"

namespace mailpool::sasl {

std::string_view name_of(Mechanism mechanism) {
  switch (mechanism) {
    case Mechanism::ScramSha256:
      return "SCRAM-SHA-256";
    case Mechanism::OAuthBearer:
      return "OAUTHBEARER";
    case Mechanism::XOAuth2:
      return "XOAUTH2";
    case Mechanism::CramMd5:
      return "CRAM-MD5";
    case Mechanism::Plain:
      return "PLAIN";
    case Mechanism::Login:
      return "LOGIN";
  }
  return "";
}

bool wants_token(Mechanism mechanism) {
  return mechanism == Mechanism::OAuthBearer || mechanism == Mechanism::XOAuth2;
}

}  // namespace mailpool::sasl
