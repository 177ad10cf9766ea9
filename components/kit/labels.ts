const prefix = "app.kubernetes.io";

/**
 * Labels of everything that belongs to a process, or to a job, of a service.
 * @param cloud name of the cloud
 * @param service such as `keystone` or `mariadb`
 * @param process process, or step of a job
 */
export function labelsOf(cloud: string, service: string, process: string): Record<string, string> {
  return { [`${prefix}/part-of`]: "stratiform", ...selectorOf(cloud, service, process) };
}

/**
 * Labels by which pods are found. They never change, since a selector cannot be changed.
 * @param process process, or step of a job. @default all of the service's
 */
export function selectorOf(cloud: string, service: string, process?: string): Record<string, string> {
  return {
    [`${prefix}/instance`]: cloud,
    [`${prefix}/name`]: service,
    ...(process === undefined ? {} : { [`${prefix}/component`]: process }),
  };
}
