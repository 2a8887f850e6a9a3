import Testing

@testable import Sandbox

@Suite("What a run sends, and the credit that it is owed")
struct ProxyUploadTests {
  @Test("no credit is due for the proxy's own words, which come first")
  func credit() {
    var upload = ProxyUpload()
    upload.begin(bodyOf: 4)
    upload.speak([1, 2, 3])
    #expect(upload.append(bodyOf: [4, 5, 6, 7, 8, 9]) == [4, 5, 6, 7])
    #expect(upload.bytes == [1, 2, 3, 4, 5, 6, 7] && upload.bodyLeft == 0 && upload.owed == 4)
    #expect(upload.pass(2) == 0)
    #expect(upload.pass(2) == 1)
    #expect(upload.bytes == [5, 6, 7] && upload.owed == 3)
    #expect(upload.pass(3) == 3)
    #expect(upload.isEmpty && upload.owed == 0)
  }

  @Test("a body that comes in pieces ends where it was said to; a tunnel takes everything")
  func pieces() {
    var upload = ProxyUpload()
    upload.begin(bodyOf: 3)
    #expect(upload.append(bodyOf: [1, 2]) == [1, 2] && upload.bodyLeft == 1)
    #expect(upload.append(bodyOf: [3, 4]) == [3] && upload.bodyLeft == 0)
    #expect(upload.append(bodyOf: [5]) == [])
    upload.append([6, 7])
    #expect(upload.bytes == [1, 2, 3, 6, 7])
  }

  @Test("credit that was given already is not given again, and a drop forgets what was not passed on")
  func settled() {
    var upload = ProxyUpload()
    upload.append([1, 2, 3])
    upload.settle()
    upload.append([4])
    #expect(upload.owed == 1)
    #expect(upload.pass(4) == 1)
    upload.append([5, 6])
    upload.drop()
    #expect(upload.isEmpty && upload.owed == 0)
    // Beginning anew, nothing is the proxy's.
    upload.settle()
    upload.begin(bodyOf: 0)
    upload.append([7])
    #expect(upload.owed == 1)
  }
}
