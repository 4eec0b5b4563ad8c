#include "core/control/metrics_http.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/base/text.h"

namespace mailpool::control {
namespace {

constexpr std::string_view open_metrics = "application/openmetrics-text";
constexpr std::string_view plain = "text/plain; charset=utf-8";

std::string_view type_of(Exposition format) {
  return format == Exposition::OpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

// RFC 9110 12.4.2: from 0 to 1, and 1 where nothing is said.
double weight_of(std::string_view range) {
  for (auto const parameter : split(range, ';')) {
    auto const word = trimmed(parameter);
    if (!ascii_istarts_with(word, "q=")) continue;
    double weight = 0;
    auto const digits = word.substr(2);
    auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), weight);
    return error == std::errc() && end == digits.data() + digits.size() ? weight : 0;
  }
  return 1;
}

// OpenMetrics only where it is named, in the version that is written or any, and not below plain
// text.
Exposition chosen(std::string_view accept) {
  double best = 0;
  double text = 0;
  for (auto const range : split(accept, ',')) {
    auto const type = trimmed(range.substr(0, range.find(';')));
    auto const weight = weight_of(range);
    bool const is_another_version = range.find("version=") != std::string_view::npos &&
                                    range.find("version=1.0.0") == std::string_view::npos;
    if (ascii_iequal(type, open_metrics) && !is_another_version) best = std::max(best, weight);
    if (ascii_iequal(type, "text/plain")) text = std::max(text, weight);
  }
  return best > 0 && best >= text ? Exposition::OpenMetrics : Exposition::Text;
}

std::string_view header(std::string_view head, std::string_view name) {
  for (auto line : split(head, '\n')) {
    auto const colon = line.find(':');
    if (colon != std::string_view::npos && ascii_iequal(line.substr(0, colon), name))
      return trimmed(line.substr(colon + 1));
  }
  return {};
}

HttpWant want_of(std::string_view line) {
  auto const words = split(line, ' ');
  if (words.size() != 3 || words[2].substr(0, 7) != "HTTP/1.") return HttpWant::BadRequest;
  if (words[0] != "GET" && words[0] != "HEAD") return HttpWant::BadMethod;
  if (words[1].substr(0, words[1].find('?')) != "/metrics") return HttpWant::NotFound;
  return words[0] == "GET" ? HttpWant::Metrics : HttpWant::MetricsHead;
}

std::string reply(std::string_view status, std::string_view type, std::size_t length,
                  std::string_view extra, std::string_view body) {
  return fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n{}",
      status, type, length, extra, body);
}

std::string words(std::string_view status, std::string_view extra, std::string_view body) {
  return reply(status, plain, body.size(), extra, body);
}

}  // namespace

HttpRequest read_http_head(std::string_view head) {
  return {want_of(head.substr(0, head.find_first_of("\r\n"))), chosen(header(head, "accept"))};
}

std::string http_answer(HttpRequest request, std::string const& metrics) {
  switch (request.want) {
    case HttpWant::Metrics:
      return reply("200 OK", type_of(request.format), metrics.size(), "", metrics);
    case HttpWant::MetricsHead:
      return reply("200 OK", type_of(request.format), metrics.size(), "", "");
    case HttpWant::NotFound:
      return words("404 Not Found", "", "the figures are at /metrics\n");
    case HttpWant::BadMethod:
      return words("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "only GET and HEAD\n");
    case HttpWant::BadRequest:
      break;
  }
  return words("400 Bad Request", "", "not an HTTP request\n");
}

}  // namespace mailpool::control
