/** The gateway's version, as in package.json; a test keeps the two the same. A Worker cannot read the file. */
export const VERSION = "0.1.0";
