#include "core/wire/command.h"

#include <algorithm>

#include "core/base/text.h"

namespace mailpool::wire {

bool is_sendable(std::string_view text, Charset charset) {
  auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(text.begin(), text.end(), is_control)) return false;
  return is_ascii(text) || (charset == Charset::Utf8 && is_valid_utf8(text));
}

bool is_path(std::string_view address, Charset charset) {
  if (address.size() > longest_path || !is_sendable(address, charset)) return false;
  bool is_quoted = false;
  for (std::size_t i = 0; i < address.size(); ++i) {
    char const c = address[i];
    if (c == '"') is_quoted = !is_quoted;
    if (c == '\\' && ++i == address.size()) return false;  // would quote the closing bracket
    if (!is_quoted && (c == ' ' || c == '<' || c == '>')) return false;
  }
  return !is_quoted;
}

bool append_command(std::string& out, std::initializer_list<std::string_view> pieces,
                    Charset charset) {
  auto const before = out.size();
  bool is_good = true;
  for (auto piece : pieces) {
    is_good = is_good && is_sendable(piece, charset);
    out += piece;
  }
  out += "\r\n";
  is_good = is_good && out.size() - before <= longest_command;
  if (!is_good) out.resize(before);
  return is_good;
}

bool append_path_command(std::string& out, std::string_view verb, std::string_view address,
                         std::string_view parameters, Charset charset) {
  return is_path(address, charset) &&
         append_command(out, {verb, ":<", address, ">", parameters}, charset);
}

}  // namespace mailpool::wire
