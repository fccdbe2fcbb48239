import { AuditPage } from '../../../features/audit/index.ts';

export default function Route() {
  return <AuditPage />;
}
