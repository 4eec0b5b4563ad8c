#pragma once
// Whether a certificate's name fits a name that is looked for (RFC 6125, RFC 8461 4.1).

#include <string>
#include <string_view>
#include <vector>

namespace mailpool::tls {

/// `of_certificate` may begin with "*.", which stands for exactly one label; a `wanted` that
/// begins with a dot fits every name below it.
[[nodiscard]] bool name_fits(std::string_view of_certificate, std::string_view wanted);
/// Whether any of the certificate's names fits any of the wanted ones.
[[nodiscard]] bool any_name_fits(std::vector<std::string> const& of_certificate,
                                 std::vector<std::string> const& wanted);

}  // namespace mailpool::tls
