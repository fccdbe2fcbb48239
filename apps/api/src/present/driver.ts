import type { DriverView, MatrixCellView } from '@tenon/contract';
import type { Driver, DriverCapabilities, DriverHealthReport, MatrixCell } from '@tenon/lifecycle';
import { iso } from './time.ts';

export function presentDriver(
  driver: Driver,
  around: { readonly capabilities: DriverCapabilities; readonly health: DriverHealthReport; readonly sandboxes: number },
): DriverView {
  const { capabilities, health } = around;
  return {
    name: driver.name,
    kind: driver.kind,
    chain: [...driver.chain],
    health: { state: health.state, detail: health.detail, checkedAt: iso(health.checkedAt) },
    createStarts: driver.createStarts,
    operations: [...capabilities.operations],
    phases: [...capabilities.phases],
    points: driver.schema.points.map((point) => ({
      name: point.name,
      path: point.path,
      merge: point.merge,
      key: point.key === null || point.key === 'set' ? point.key : [...point.key],
      ordered: point.ordered,
      openIn: [...point.openIn],
    })),
    reserved: [...driver.schema.reserved],
    features: [...capabilities.features],
    limits: { ...capabilities.limits },
    services: [...capabilities.services],
    isolation: capabilities.isolation,
    version: capabilities.version,
    sandboxes: around.sandboxes,
  };
}

export function presentCell(cell: MatrixCell): MatrixCellView {
  return {
    driver: cell.driver,
    extension: cell.extension,
    revision: cell.revision,
    kind: cell.kind,
    name: cell.name,
    state: cell.state,
    reason: cell.reason,
    reportedBy: cell.reportedBy,
    neededBy: [...cell.neededBy],
    remedy: cell.remedy,
    checkedAt: iso(cell.checkedAt),
  };
}
