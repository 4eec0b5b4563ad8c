// The version gate.

#include "postfix/version.h"

namespace mailpool::postfix {

bool is_tested_version(char const* mail_version) {
  if (mail_version == nullptr || mail_version[0] != '3' || mail_version[1] != '.') return false;
  char const* digit = mail_version + 2;
  int minor = 0;
  int digits = 0;
  for (; *digit >= '0' && *digit <= '9' && digits < 3; ++digit, ++digits)
    minor = minor * 10 + (*digit - '0');
  bool const ends_here = *digit == '\0' || *digit == '.' || *digit == '-';
  return digits > 0 && ends_here && minor >= 5 && minor <= 11;
}

}  // namespace mailpool::postfix
