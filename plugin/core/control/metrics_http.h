#pragma once
// The little HTTP that figures are asked for with.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/control/metrics.h"

namespace mailpool::control {

enum class HttpWant : std::uint8_t { Metrics, MetricsHead, NotFound, BadMethod, BadRequest };

struct HttpRequest {
  HttpWant want = HttpWant::BadRequest;
  Exposition format = Exposition::Text;  ///< the one that it accepts most gladly
};

/// `head`: up to the empty line.
[[nodiscard]] HttpRequest read_http_head(std::string_view head);
/// `metrics`: the page in the format of the request.
[[nodiscard]] std::string http_answer(HttpRequest request, std::string const& metrics);

}  // namespace mailpool::control
