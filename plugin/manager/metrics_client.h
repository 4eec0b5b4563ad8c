#pragma once
// One scrape: a request head in, an answer out, and good-bye; all within ten seconds.

#include <memory>
#include <string>

#include "core/control/metrics_http.h"
#include "manager/loop.h"
#include "manager/metrics_server.h"

namespace mailpool::manager {

class MetricsClient {
 public:
  MetricsClient(MetricsServer& server, int fd);  ///< owns `fd`
  ~MetricsClient();
  MetricsClient(MetricsClient const&) = delete;
  MetricsClient& operator=(MetricsClient const&) = delete;
  [[nodiscard]] bool is_closed() const { return fd_ < 0; }
  /// A whole request has come.
  [[nodiscard]] bool has_asked() const { return !output_.empty(); }

 private:
  static void on_readable(evutil_socket_t, short, void* self);
  static void on_writable(evutil_socket_t, short, void* self);
  static void on_timer(evutil_socket_t, short, void* self);
  void read();
  void answer(control::HttpRequest request);
  void write();
  void close();

  MetricsServer& server_;
  int fd_;
  EventPtr read_event_;
  EventPtr write_event_;
  EventPtr timer_;
  std::string head_;
  std::string output_;
  std::size_t written_ = 0;
};

}  // namespace mailpool::manager
