#include "core/tls/names.h"

#include <algorithm>

#include "core/base/text.h"

namespace mailpool::tls {
namespace {

// "*.example.com" for one label below example.com. A wildcard for a whole top-level domain names
// nobody.
bool wildcard_fits(std::string_view wildcard, std::string_view wanted) {
  auto const parent = wildcard.substr(1);  // ".example.com"
  if (parent.size() < 2 || parent.find('.', 1) == std::string_view::npos) return false;
  auto const dot = wanted.find('.');
  return dot != std::string_view::npos && dot != 0 && ascii_iequal(wanted.substr(dot), parent);
}

bool is_below(std::string_view name, std::string_view parent) {
  return name.size() > parent.size() &&
         ascii_iequal(name.substr(name.size() - parent.size()), parent);
}

}  // namespace

bool name_fits(std::string_view of_certificate, std::string_view wanted) {
  if (of_certificate.empty() || wanted.empty()) return false;
  bool const is_wildcard = of_certificate.starts_with("*.");
  if (wanted.front() == '.')
    return is_below(is_wildcard ? of_certificate.substr(1) : of_certificate, wanted) ||
           (is_wildcard && ascii_iequal(of_certificate.substr(1), wanted));
  if (is_wildcard) return wildcard_fits(of_certificate, wanted);
  return ascii_iequal(of_certificate, wanted);
}

bool any_name_fits(std::vector<std::string> const& of_certificate,
                   std::vector<std::string> const& wanted) {
  return std::any_of(of_certificate.begin(), of_certificate.end(), [&](std::string const& name) {
    return std::any_of(wanted.begin(), wanted.end(),
                       [&](std::string const& w) { return name_fits(name, w); });
  });
}

}  // namespace mailpool::tls
