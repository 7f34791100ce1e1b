'use client';

export { RelayProvider, useRelay, useRelayStatus, type RelayProviderProps } from './context.js';
export { useChannel, type ChannelPhase, type ChannelState, type UseChannelOptions, type UseChannelReturn } from './channel.js';
export { usePresence, type PresenceState } from './presence.js';
export {
  useAgentChannel, useRealtimeEvents, useRealtimeMetrics, useWebSocket,
  type MetricSnapshot, type UseAgentChannelOptions, type UseAgentChannelReturn, type UseRealtimeEventsOptions, type UseRealtimeEventsReturn, type UseRealtimeMetricsReturn,
  type UseWebSocketOptions, type UseWebSocketReturn,
} from './realtime.js';
export { useSession, type ChatMessage, type Conversation, type UseSessionReturn } from './session.js';
