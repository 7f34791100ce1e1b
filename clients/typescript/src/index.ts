export { RelayClient } from './client.js';
export type { RelayEvents, RelayOptions, TokenSource } from './options.js';
export { RelayError } from './errors.js';
export type { FetchLike, HttpAnswer } from './transport/http.js';
export type { WebSocketConstructor, WebSocketLike } from './transport/websocket.js';
export type {
  AnySchema, ChannelOf, EventNameOf, EventOf, Gap, HistoryAnswer, HistoryOptions, Member, Phase, Position, PresenceAnswer, PresenceChange, Published, PublishOptions, RelayEvent, Schema,
  Status, Subscribed, SubscribeOptions, Subscription,
} from './types.js';
