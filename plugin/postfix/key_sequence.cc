// Recognising the end of a sequence of keys.

#include "postfix/key_sequence.h"

namespace mailpool::postfix {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool ends_in_label(std::string_view domain, std::string_view label) {
  if (label.size() > domain.size()) return false;
  std::size_t const start = domain.size() - label.size();
  if (start > 0 && domain[start - 1] != '.') return false;
  for (std::size_t i = 0; i < label.size(); ++i)
    if (lower(domain[start + i]) != lower(label[i])) return false;
  return true;
}

}  // namespace

std::string_view KeySequence::domain_if_last(std::string_view key) {
  if (auto const at = key.rfind('@'); at != std::string_view::npos) {
    key.remove_prefix(at + 1);
    if (!key.empty() && key.back() == '.') key.remove_suffix(1);
    length_ = key.size() < sizeof domain_ ? key.size() : 0;
    std::memcpy(domain_, key.data(), length_);
    domain_[length_] = '\0';
    return {};
  }
  // ".com", or "com" where parent_domain_matches_subdomains names transport_maps, or a domain of
  // one label.
  if (!key.empty() && key.front() == '.') key.remove_prefix(1);
  if (key.empty() || key.find('.') != std::string_view::npos) return {};
  std::string_view const domain(domain_, length_);
  if (!ends_in_label(domain, key)) return {};
  length_ = 0;
  return domain;
}

}  // namespace mailpool::postfix
