/** Shape of generated passwords: they stand in URLs and configuration files, so nothing in them has a meaning there. */
export const passwordShape = { length: 32, special: false } as const;
