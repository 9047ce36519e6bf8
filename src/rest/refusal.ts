/**
 * Why a value is not what its field takes. It is returned in the value's place: a client that writes nonsense is no
 * exceptional event, and the walk goes on to find what else is wrong. The message goes on after the field's name.
 */
export class Refusal {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}
