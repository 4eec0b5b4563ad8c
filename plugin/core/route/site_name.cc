#include "core/route/site_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "core/base/ip.h"
#include "core/base/sha256.h"
#include "core/base/text.h"

namespace mailpool::route {
namespace {

bool is_plain(std::string_view label) {
  return label.size() <= longest_shown_host && std::all_of(label.begin(), label.end(), [](char c) {
           return is_digit(c) || (c >= 'a' && c <= 'z') || c == '.' || c == '-' || c == '+';
         });
}

std::string shown(std::string_view label) {
  if (label.size() > longest_shown_host) label.remove_prefix(label.size() - longest_shown_host);
  std::string text(label);
  std::replace(text.begin(), text.end(), '_', '-');
  return text;
}

std::string digest_of(std::vector<std::string> const& labels) {
  std::string all;
  for (auto const& label : labels) all += label + "\n";
  return sha256_hex(all, 16);
}

}  // namespace

std::string host_label(std::string_view host, std::uint16_t port) {
  auto label = ascii_lower(host);
  if (auto const address = IpAddress::parse(host); address && !address->is_v4()) {
    label = "ipv6." + address->to_string();
    std::replace(label.begin(), label.end(), ':', '-');
  }
  if (port != 25) return fmt::format("{}+{}", label, port);
  return label.find('.') == std::string::npos ? label + "." : label;
}

std::string automatic_site_name(std::vector<std::string> labels) {
  assert(!labels.empty() && "a site has at least one host");
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  if (labels.size() == 1 && is_plain(labels.front())) return labels.front();
  auto const shortest =
      std::min_element(labels.begin(), labels.end(),
                       [](auto const& a, auto const& b) { return a.size() < b.size(); });
  return fmt::format("{}+{}-{}", shown(*shortest), labels.size() - 1, digest_of(labels));
}

}  // namespace mailpool::route
