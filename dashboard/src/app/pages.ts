import { lazy, type ComponentType } from 'react';
import { LivePage } from '../live/LivePage';

export interface Page {
  readonly path: string;
  readonly name: string;
  readonly does: string;
  readonly show: ComponentType;
}

/** All pages; the digits are their shortcuts. The first is there at once, the others are fetched when they are opened. */
export const PAGES: readonly Page[] = [
  { path: '/live', name: 'Live', does: 'Events as they come', show: LivePage },
  { path: '/dashboard', name: 'Dashboard', does: 'Figures and charts', show: lazy(async () => ({ default: (await import('../overview/DashboardPage')).DashboardPage })) },
  { path: '/sessions', name: 'Sessions', does: 'Chats with agents', show: lazy(async () => ({ default: (await import('../sessions/SessionsPage')).SessionsPage })) },
  { path: '/channels', name: 'Channels', does: 'Channels and their history', show: lazy(async () => ({ default: (await import('../channels/ChannelsPage')).ChannelsPage })) },
  { path: '/presence', name: 'Presence', does: 'Who is on a channel', show: lazy(async () => ({ default: (await import('../presence/PresencePage')).PresencePage })) },
  { path: '/cluster', name: 'Cluster', does: 'Nodes and shards', show: lazy(async () => ({ default: (await import('../cluster/ClusterPage')).ClusterPage })) },
  { path: '/connections', name: 'Connections', does: 'Who is connected', show: lazy(async () => ({ default: (await import('../connections/ConnectionsPage')).ConnectionsPage })) },
];

/** `/` is the dashboard. */
export const pageOf = (path: string): Page | undefined => (path === '/' ? PAGES[1] : PAGES.find(page => page.path === path.replace(/\/+$/, '')));
