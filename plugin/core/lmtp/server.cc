#include "core/lmtp/server.h"

#include <utility>

#include "core/lmtp/conversation.h"

namespace mailpool::lmtp {

Server::Server(ServerSettings settings, ServerEvents& events, BodyStore& bodies, TimePoint now)
    : conversation_(std::make_unique<Conversation>(std::move(settings), events, bodies, now)) {}

Server::~Server() = default;

void Server::receive(std::string_view octets, TimePoint now) {
  conversation_->receive(octets, now);
}

void Server::reply(std::size_t index, Outcome const& outcome, TimePoint now) {
  conversation_->reply(index, outcome, now);
}

void Server::expire(TimePoint now) {
  conversation_->expire(now);
}
std::string_view Server::output() const {
  return conversation_->output();
}
void Server::written(std::size_t n) {
  conversation_->written(n);
}
bool Server::wants_input() const {
  return conversation_->wants_input();
}
bool Server::is_over() const {
  return conversation_->is_over();
}
bool Server::is_delivering() const {
  return conversation_->is_delivering();
}
bool Server::is_idle() const {
  return conversation_->is_idle();
}
TimePoint Server::deadline() const {
  return conversation_->deadline();
}
std::string_view Server::close_reason() const {
  return conversation_->close_reason();
}

}  // namespace mailpool::lmtp
